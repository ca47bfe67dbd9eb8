"""The OpenAPI document against the application: schemathesis sends what the document allows."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fakes import QUESTION, heard
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from bot.assistant import Heard
from bot.channels.web.app import create_app
from bot.service import build_service
from bot.settings import Settings
from bot.store import new_key

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class AtOnce:
    """An assistant that answers everything alike, in whatever loop it is asked."""

    async def ask(self, *_: object) -> Heard:
        return Heard.model_validate(heard("what_is_baclofen"))

    async def forget(self, conversation: str) -> bool:
        return True

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client whose application has been started; one loop for all requests."""
    settings = Settings(
        keys=(new_key(),),
        var=tmp_path_factory.mktemp("schema"),
        messages_per_minute=100_000,
        messages_per_address_per_minute=100_000,
        conversations_per_address_per_hour=100_000,
    )
    service = build_service(settings)
    service.helper.assistant = AtOnce()  # type: ignore[assignment]
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def signed(client: TestClient) -> dict[str, str]:
    """A conversation of our own, so that requests get past the token."""
    begun: dict[str, str] = client.post("/v1/conversations").json()
    path = f"/v1/conversations/{begun['conversation']}/messages"
    headers = {"authorization": f"Bearer {begun['token']}"}
    assert client.post(path, json={"text": QUESTION}, headers=headers).status_code == 200
    return begun


@pytest.fixture(scope="module")
def schema(client: TestClient) -> Any:
    """The document as it is served. (from_asgi would start and stop the application once more.)"""
    return schemathesis.openapi.from_dict(client.get("/openapi.json").json())


OPERATIONS = ("start", "delete", "say", "history", "health", "ready")
few = hypothesis_settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_document_has_no_other_operation(schema: Any) -> None:
    found = [result.ok().definition.raw["operationId"] for result in schema.get_all_operations()]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_api_keeps_to_its_document_without_a_token(name: str, schema: Any, client: Any) -> None:
    @few
    @given(case=schema.find_operation_by_id(name).as_strategy())
    def keeps_to_it(case: Any) -> None:
        _checked(case, client)

    keeps_to_it()


@pytest.mark.parametrize("name", ["delete", "say", "history"])
def test_api_keeps_to_its_document_with_a_token(
    name: str, schema: Any, client: TestClient, signed: dict[str, str]
) -> None:
    @few
    @given(case=schema.find_operation_by_id(name).as_strategy())
    def keeps_to_it(case: Any) -> None:
        begun = client.post("/v1/conversations").json() if name == "delete" else signed
        case.path_parameters = {"conversation": begun["conversation"]}
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {begun['token']}"}
        assert _checked(case, client).status_code not in {401, 404}

    keeps_to_it()


def _checked(case: Any, client: TestClient) -> Any:
    request = case.as_transport_kwargs(base_url=str(client.base_url))
    content = request.pop("data", None)
    response = client.request(**request, content=content)
    case.validate_response(response, checks=CHECKS)
    return response
