"""The `bot` command: run the helper, talk to it, test it, check it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table

from bot.answers import ContentError
from bot.batch import (
    BatchError,
    InProcess,
    Item,
    OverHttp,
    Speaker,
    answer_all,
    private_service,
    read_items,
)
from bot.evaluation.command import evaluate_command
from bot.settings import PROJECT, SettingsError, load_settings
from bot.store import StoreError
from bot.supervisor import MODEL, NotSetUp

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
out = Console()
err = Console(stderr=True)

T = TypeVar("T")
_EXPECTED = (BatchError, ContentError, NotSetUp, SettingsError, StoreError, OSError)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; an expected error is a sentence and exit code 1."""
    try:
        return asyncio.run(work)
    except _EXPECTED as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None


@app.command()
def run() -> None:
    """Start everything: the helper at once, the assistant beside it. Ctrl-C stops both."""
    from bot.server import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = load_settings()
    except SettingsError as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    out.print(f"Open [bold]http://{settings.host}:{settings.port}/[/bold]  (Ctrl-C stops)")
    _run(serve(settings))


@app.command()
def train(
    if_needed: Annotated[bool, typer.Option(help="Only when content or pipeline changed.")] = False,
) -> None:
    """Train the assistant on data/ and write models/assistant.tar.gz."""
    from bot.training import is_current, train_assistant

    if if_needed and is_current():
        out.print("The model is up to date.")
        return
    try:
        with out.status("Training the assistant (one to three minutes) ..."):
            seconds = train_assistant()
    except _EXPECTED as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    out.print(f"Trained in {seconds:.0f} s: {MODEL.relative_to(PROJECT)}")


@app.command()
def ask(
    text: Annotated[str | None, typer.Argument(help="One message.")] = None,
    batch: Annotated[Path | None, typer.Option(help="JSONL with id and text or turns.")] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Where the rows go, JSONL.")] = None,
    url: Annotated[str | None, typer.Option(help="A running helper, else an own one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the turn as JSON.")] = False,
) -> None:
    """Ask one thing, or everything in a file (--batch IN --out OUT)."""
    if (text is None) == (batch is None):
        err.print("[red]Give either a message or --batch FILE.[/red]")
        raise typer.Exit(2)
    if batch is not None:
        if to is None:
            err.print("[red]--batch wants --out FILE for the rows.[/red]")
            raise typer.Exit(2)
        _run(_ask_batch(batch, to, url))
        return
    rows = _run(_ask_rows([Item("1", (text or "",))], url))
    if as_json:
        out.print_json(json.dumps(rows[0]))
    else:
        _show(rows[0])


async def _ask_rows(items: list[Item], url: str | None, progress: bool = False) -> list[Any]:
    with Progress(console=err, disable=not progress) as bar:
        task = bar.add_task("Asking", total=len(items))

        async def with_(speaker: Speaker) -> list[Any]:
            return await answer_all(items, speaker, lambda: bar.advance(task))

        if url is not None:
            import httpx

            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                return await with_(OverHttp(client))
        async with private_service(load_settings()) as service:
            return await with_(InProcess(service))


async def _ask_batch(batch: Path, to: Path, url: str | None) -> None:
    items = read_items(batch)
    rows = await _ask_rows(items, url, progress=True)
    with to.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=True) + "\n")
    err.print(f"{len(rows)} turns of {len(items)} items written to {to}")


def _show(row: dict[str, Any]) -> None:
    """A turn for people: parts as panels, then what was understood."""
    for part in row["reply"]:
        colour = {"card": "red", "reminder": "red", "answer": "cyan"}.get(part["kind"], "white")
        lines = [part["text"].strip()]
        lines += [f"→ {link['label']}" for link in part["links"]]
        lines += [f"· {button['label']}" for button in part["buttons"]]
        if part["sources"]:
            names = dict.fromkeys(f"{s['title']} ({s['publisher']})" for s in part["sources"])
            lines.append("Sources: " + "; ".join(names))
        out.print(Panel("\n".join(lines), title=part["title"] or None, border_style=colour))
    out.print(
        f"[dim]level {row['level']} · outcome {row['outcome']} · topic {row['topic']} · "
        f"{row['ms']} ms[/dim]"
    )


@app.command()
def chat() -> None:
    """Talk to the helper in the terminal. An empty line ends it."""
    _run(_chat())


async def _chat() -> None:
    with err.status("Starting ..."):
        context = private_service(load_settings())
        service = await context.__aenter__()
    try:
        speaker = InProcess(service)
        conversation = await speaker.begin()
        emergency = service.emergency(service.settings.region).display
        out.print(service.texts.get("disclosure", emergency=emergency))
        while text := (await asyncio.to_thread(_read_line)).strip():
            _show(await speaker.say(conversation, text))
    finally:
        await context.__aexit__(None, None, None)


def _read_line() -> str:
    try:
        return input("> ")
    except (EOFError, KeyboardInterrupt):
        return ""


@app.command()
def check() -> None:
    """Check content, contacts and the centre's configuration; exit code 1 on an error."""
    from bot.check import check_all

    findings = check_all(load_settings())
    table = Table("", "where", "what", "what to do")
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        table.add_row(
            f"[{colour}]{finding.severity}[/]", finding.where, finding.what, finding.what_to_do
        )
    if findings:
        out.print(table)
    errors = sum(finding.severity == "error" for finding in findings)
    out.print(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command()
def topics() -> None:
    """Write docs/topics.md anew from the content."""
    from bot.check import write_topics_table

    write_topics_table()


@app.command("new-key")
def new_key() -> None:
    """Print a new encryption key for BOT_KEYS."""
    from bot.store import new_key as make

    typer.echo(make())


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt everything in the store with the first key of BOT_KEYS."""
    from bot.store import Store

    try:
        settings = load_settings()
        store = Store(settings.database, settings.keys)
        store.migrate()
        out.print(f"{store.rotate_keys()} turns encrypted again")
    except _EXPECTED as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None


app.command("evaluate")(evaluate_command)


if __name__ == "__main__":
    app()
