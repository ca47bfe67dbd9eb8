"""`bot evaluate`: runs the held-out files, writes the reports, and says which targets are reached.

Single misses never reach the terminal: the held-out files are looked at by count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bot.answers import ContentError, load_answers
from bot.batch import BatchError, InProcess, answer_all, private_service
from bot.evaluation.cross_validation import FOLDS, cross_validate
from bot.evaluation.heldout import (
    HELDOUT,
    Case,
    EvaluationError,
    Measured,
    fingerprint,
    read_cases,
)
from bot.evaluation.intervals import Figure, percent
from bot.evaluation.judging import Judged, judge_all
from bot.evaluation.safety import LEVELS, Safety, safety, screen_all
from bot.evaluation.understanding import Section, Understanding, understanding
from bot.evaluation.vocabulary import Vocabulary
from bot.safety import assess
from bot.settings import PROJECT, SettingsError, load_settings
from bot.store import StoreError
from bot.supervisor import NotSetUp
from bot.training import FINGERPRINT

QUESTIONS = ("questions.jsonl", "dialogues.jsonl", "two_questions.jsonl")
DANGERS = ("messages.jsonl", "dialogues.jsonl", "must_not_miss.jsonl")
_EXPECTED = (
    BatchError,
    ContentError,
    EvaluationError,
    NotSetUp,
    OSError,
    SettingsError,
    StoreError,
)

out = Console()
err = Console(stderr=True)


def evaluate_command(
    only_safety: Annotated[
        bool, typer.Option("--safety", help="The safety screen instead of understanding; seconds.")
    ] = False,
    cross_validation: Annotated[
        bool, typer.Option(help="Also cross-validate the training examples; minutes.")
    ] = False,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = FOLDS,
    heldout: Annotated[Path, typer.Option(help="Folder of the held-out files.")] = HELDOUT,
    to: Annotated[Path, typer.Option("--out", help="Folder of the reports.")] = PROJECT / "reports",
    show_misses: Annotated[
        bool, typer.Option(help="List missed messages in the HTML report; uses the set up.")
    ] = False,
) -> None:
    """Measure on messages the helper never saw; writes HTML and JSON reports."""
    if only_safety and cross_validation:
        raise typer.BadParameter("Cross-validation belongs to understanding, not to --safety.")
    try:
        if only_safety:
            sections, paths = _evaluate_safety(heldout / "safety", to, show_misses)
        else:
            chosen = folds if cross_validation else None
            sections, paths = _evaluate_understanding(heldout, to, show_misses, chosen)
    except _EXPECTED as error:
        err.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(1) from None
    _show(sections)
    for path in paths:
        out.print(f"Written: {path}", highlight=False, soft_wrap=True)


def _evaluate_understanding(
    heldout: Path, to: Path, show_misses: bool, folds: int | None
) -> tuple[Sequence[Section], list[Path]]:
    from bot.evaluation.report import write_understanding  # matplotlib: only when it is needed

    vocabulary = Vocabulary.of(load_answers())
    paths = [heldout / name for name in QUESTIONS]
    files = [read_cases(path, vocabulary.labels) for path in paths]
    questions, dialogues, two = asyncio.run(_asked(files, vocabulary))
    folded = None
    if folds is not None:
        with err.status(f"Cross-validation in {folds} folds (minutes) ..."):
            folded = cross_validate(folds)
    result: Understanding = understanding(questions, dialogues, two, folded)
    written = write_understanding(result, _measured(paths, with_model=True), to, show_misses)
    return result.sections, written


async def _asked(files: Sequence[Sequence[Case]], vocabulary: Vocabulary) -> list[list[Judged]]:
    """Every file through the turn of a private helper, judged."""
    cases = [case for file in files for case in file]
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("Asking", total=len(cases))
        async with private_service(load_settings()) as service:
            speaker = InProcess(service)
            judged = []
            for file in files:
                items = [case.item for case in file]
                rows = await answer_all(items, speaker, lambda: bar.advance(task))
                judged.append(judge_all(file, rows, vocabulary))
    return judged


def _evaluate_safety(
    heldout: Path, to: Path, show_misses: bool
) -> tuple[Sequence[Section], list[Path]]:
    from bot.evaluation.report import write_safety  # matplotlib: only when it is needed

    paths = [heldout / name for name in DANGERS]
    files = [read_cases(path, LEVELS, expect="level") for path in paths]
    with err.status("Screening ..."):
        messages, dialogues, plainest = (screen_all(file, assess) for file in files)
        result: Safety = safety(messages, dialogues, plainest)
    written = write_safety(result, _measured(paths), to, show_misses)
    return result.sections, written


def _measured(paths: Iterable[Path], with_model: bool = False) -> Measured:
    model = None
    if with_model and FINGERPRINT.exists():
        model = FINGERPRINT.read_text(encoding="ascii").strip()[:12]
    return Measured(date.today(), {path.name: fingerprint(path) for path in paths}, model)


def _show(sections: Sequence[Section]) -> None:
    """The figures as a table, and how many targets are reached."""
    table = Table()
    table.add_column("")
    for name in ("share", "95 %", "of", "target", ""):
        table.add_column(name, no_wrap=True)
    for section in sections:
        table.add_section()
        table.add_row(f"[bold]{section.title}[/bold]")
        for figure in section.figures:
            table.add_row(*_cells(figure))
    out.print(table)
    aimed = [f for section in sections for f in section.figures if f.target is not None]
    reached = sum(figure.reached is True for figure in aimed)
    out.print(f"{reached} of {len(aimed)} targets reached", highlight=False)


def _cells(figure: Figure) -> tuple[str, ...]:
    share, (low, high) = figure.share, figure.share.interval
    verdicts = {True: "[green]reached[/green]", False: "[red]not reached[/red]", None: ""}
    return (
        figure.label,
        percent(share.value),
        f"{100 * low:.1f}-{100 * high:.1f} %" if share.of else "-",
        f"{share.right}/{share.of}",
        str(figure.target or ""),
        verdicts[figure.reached],
    )
