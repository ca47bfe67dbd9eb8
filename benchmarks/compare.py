"""Compares this project's assistant with the pipeline that `rasa init` gives, in one run.

Same domain, training data, messages and thread settings; each side in processes of its own; what
could favour one is done in alternating order. README.md says how each figure is made.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import machine
import measures
import report
from figures import OURS, STOCK, Figures
from material import (
    HELDOUT,
    Case,
    copy_content,
    digest,
    digest_of_content,
    load_messages,
    number_of_examples,
    read_cases,
    shared_answers,
)
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from servers import (
    BENCHMARKS,
    BenchmarkError,
    Door,
    Server,
    Side,
    Training,
    assistant,
    compile_once,
    end_in_order,
    helper,
    sides,
    train,
)

from bot.settings import PROJECT
from bot.supervisor import RASA

console = Console()
#: Asked until it is answered when a server starts; a training example of both sides.
FIRST = "hello"
#: Where stock's model comes from when it is not trained in the run.
KEPT = "trained in an earlier run on the same content; its training figures are from there"
FOREIGN = "trained earlier, on other content or in another way: not a fair comparison"
Done = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    starts: int
    sessions: int
    web_sessions: int
    rounds: int
    serving_threads: int
    training_threads: int
    examples: int | None
    reuse_stock: Path | None


@dataclass
class Run:
    """One run under way: what both sides are given, where files go, what was found."""

    plan: Plan
    folder: Path
    sides: tuple[Side, Side]
    content: Path
    cases: list[Case]
    messages: list[str]
    figures: Figures
    done: Done
    models: dict[str, Path]

    def log(self, name: str) -> Path:
        """A file for a process's output."""
        return self.folder / "logs" / f"{name}.log"

    def serve(self, side: Side, name: str, api: bool = False) -> AbstractContextManager[Server]:
        """A side's server (see `servers.assistant`)."""
        threads = self.plan.serving_threads
        return assistant(side, self.models[side.name], threads, self.log(name), FIRST, api)

    def alternating(self, number: int) -> Sequence[Side]:
        """The sides, the other way round every second time."""
        return self.sides if number % 2 == 0 else self.sides[::-1]


# The measurements, in order


def compile_packages(run: Run) -> None:
    """So that no start and no training measures Python's compiler."""
    run.done("compiling packages")
    compile_once(run.folder)


def train_both(run: Run) -> None:
    """Ours, stock, ours again: a machine that slows down in between cannot favour ours."""
    ours, stock = run.sides
    content, threads = digest_of_content(run.content), run.plan.training_threads
    trainings: dict[str, list[Training]] = {OURS: [], STOCK: []}
    order = [ours, ours] if run.plan.reuse_stock else [ours, stock, ours]
    if run.plan.reuse_stock:
        run.models[STOCK] = run.plan.reuse_stock
        kept = Training.kept(run.plan.reuse_stock, content, threads)
        trainings[STOCK] = [kept] if kept else []
        run.figures.about["stock's model"] = KEPT if kept else FOREIGN
    for side in order:
        run.done(f"training {side.name}")
        made = train(side, run.content, run.folder / "models", threads)
        made.keep(content, threads)
        run.models[side.name] = made.model
        trainings[side.name].append(made)
    for name, all_made in trainings.items():
        if all_made:
            _put(run, "training_wall", name, [made.wall for made in all_made])
            _put(run, "training_cpu", name, [made.cpu for made in all_made])


def _put(run: Run, key: str, name: str, values: list[float]) -> None:
    """Keep a median with what it is the median of."""
    run.figures.put(key, name, statistics.median(values), values)


def accuracy_of_both(run: Run) -> None:
    """Every held-out message through each side's Rasa."""
    answers = shared_answers(run.content)
    right: dict[str, list[bool]] = {}
    for side in run.sides:
        run.done(f"held-out messages, {side.name}")
        with run.serve(side, f"accuracy-{side.name}", api=True) as server:
            found = [measures.predict(server.http, case.text) for case in run.cases]
        scores = measures.score(run.cases, found, answers)
        run.figures.accuracy[side.name] = {kind: asdict(row) for kind, row in scores.items()}
        run.figures.put("accuracy", side.name, scores["all"].right / scores["all"].total)
        right[side.name] = [
            measures.is_right(case, each, answers)
            for case, each in zip(run.cases, found, strict=True)
        ]
    for name, other in ((OURS, STOCK), (STOCK, OURS)):
        pairs = zip(right[name], right[other], strict=True)
        run.figures.only_right[name] = sum(mine and not theirs for mine, theirs in pairs)


def starts_of_both(run: Run) -> None:
    """Time from start to first answer, and memory after some messages; several starts each."""
    starts: dict[str, list[float]] = {OURS: [], STOCK: []}
    memory: dict[str, list[float]] = {OURS: [], STOCK: []}
    for number in range(run.plan.starts):
        for side in run.alternating(number):
            run.done(f"start {number + 1}, {side.name}")
            with run.serve(side, f"start-{side.name}-{number}") as server:
                starts[side.name].append(server.seconds_to_answer)
                measures.talk(server.door, run.messages, measures.MESSAGES_BEFORE_MEMORY)
                memory[side.name].append(float(server.memory()))
    for name in (OURS, STOCK):
        _put(run, "start", name, starts[name])
        _put(run, "memory", name, memory[name])


def turns_of_both(run: Run) -> None:
    """Turn times and throughput of both, then of the helper's web API in front of ours."""
    with ExitStack() as stack:
        servers = {
            side.name: stack.enter_context(run.serve(side, f"turns-{side.name}"))
            for side in run.sides
        }
        doors = {name: server.door for name, server in servers.items()}
        for door in doors.values():
            measures.talk(door, run.messages, measures.MESSAGES_BEFORE_MEMORY)
        times = measures.turn_times(doors, run.messages, run.plan.sessions, run.done)
        for name, found in times.items():
            for turn, seconds in found.seconds.items():
                _put(run, f"turn_{turn}", name, seconds)
        for name, speeds in _speeds(run, doors).items():
            _put(run, "throughput", name, speeds)
        _through_the_web(run, servers[OURS])


def _speeds(run: Run, doors: dict[str, Door]) -> dict[str, list[float]]:
    speeds: dict[str, list[float]] = {name: [] for name in doors}
    for number in range(run.plan.rounds):
        for name in measures.alternating(doors, number):
            run.done(f"{measures.CLIENTS} clients, {name}")
            speeds[name].append(measures.throughput(doors[name], run.messages))
    return speeds


def _through_the_web(run: Run, server: Server) -> None:
    """The same through `bot run`, which uses the assistant that runs already."""
    with helper(server.url, run.folder / "var", FIRST) as (front, door):
        measures.talk(door, run.messages, measures.MESSAGES_BEFORE_MEMORY)
        run.figures.web.update(start=front.seconds_to_answer, memory=float(front.memory()))
        doors: dict[str, Door] = {"web": door}
        times = measures.turn_times(doors, run.messages, run.plan.web_sessions, run.done)["web"]
        for turn in measures.TURNS:
            run.figures.web[f"turn_{turn}"] = times.median(turn)
        run.figures.web["throughput"] = statistics.median(_speeds(run, doors)["web"])


PARTS = (compile_packages, train_both, accuracy_of_both, starts_of_both, turns_of_both)


def steps(plan: Plan) -> int:
    """How often `Run.done` is called."""
    before = 1 + (2 if plan.reuse_stock else 3) + 2
    pairs = plan.starts + plan.sessions + plan.rounds
    return before + 2 * pairs + plan.web_sessions + plan.rounds


# Around them


def about(run: Run, began: datetime.datetime, on: dict[str, str]) -> dict[str, str]:
    """What a reader needs to judge the figures."""
    plan = run.plan
    took = datetime.datetime.now(datetime.UTC) - began
    data = f"{number_of_examples(run.content):,} examples"
    if plan.examples is not None:
        data += f" (a trial: {plan.examples} of each intent; not the project's figures)"
    return {
        "date": f"{began:%Y-%m-%d}",
        "took": f"{took.total_seconds() / 60:.0f} minutes",
        "command": f"`{command(sys.argv[1:])}`",
        **on,
        "versions": ", ".join(f"{name} {found}" for name, found in machine.versions().items()),
        "training data": data,
        "content": f"SHA-256 {digest_of_content(run.content)} (domain.yml and data/)",
        "held-out set": f"{len(run.cases)} messages, SHA-256 {digest(HELDOUT)}",
        "threads of numeric libraries, both sides": (
            f"training {plan.training_threads}, serving {plan.serving_threads}"
        ),
        "repeated": (
            f"{plan.starts} starts, {plan.sessions} sessions of {measures.TURNS[-1]} turns and "
            f"{measures.FIRST_TURNS} of one turn, {plan.rounds} rounds of "
            f"{measures.CLIENTS} clients; medians"
        ),
    }


def command(arguments: Sequence[str]) -> str:
    """The command line, with paths shortened to their names."""
    words = [Path(word).name if "/" in word else word for word in arguments]
    return shlex.join(["python", "benchmarks/compare.py", *words])


@contextmanager
def working_folder(keep: bool) -> Iterator[Path]:
    """A folder for models, logs and stores; thrown away unless it is to be kept."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    parent = PROJECT / "var"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder / "bytecode", ignore_errors=True)
        console.print(f"Models and logs are in {folder.relative_to(PROJECT)}")


def measure(plan: Plan, folder: Path) -> Figures:
    """Everything, in order, with progress shown.

    Raises:
        BenchmarkError, httpx.HTTPError: a training, a start or a request failed.
    """
    began, on = datetime.datetime.now(datetime.UTC), machine.describe()
    content = copy_content(folder / "content", plan.examples)
    cases = read_cases(content)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=steps(plan))

        def done(what: str) -> None:
            bar.update(task, advance=1, description=what)

        run = Run(
            plan,
            folder,
            sides(content / "config.yml"),
            content,
            cases,
            load_messages(cases),
            Figures(),
            done,
            {},
        )
        for part in PARTS:
            part(run)
    run.figures.about.update(about(run, began, on))
    return run.figures


def show(figures: Figures) -> None:
    """The results in the terminal."""
    measured = Table("measured", "ours", "stock", "ours / stock")
    for row in report.metric_rows(figures):
        measured.add_row(*row)
    wanted = Table("target", "wanted", "found", "reached")
    for row in report.target_rows(figures):
        wanted.add_row(*(cell.strip("*") for cell in row))
    console.print(measured, wanted)


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a trial in a few minutes")
    parser.add_argument("--examples", type=int, help="examples of each intent (--quick: 4)")
    parser.add_argument("--keep", action="store_true", help="keep models and logs, in var/")
    parser.add_argument(
        "--reuse-stock",
        type=Path,
        metavar="MODEL",
        help="stock's model of an earlier run with --keep",
    )
    parser.add_argument("--threads", type=int, default=1, help="of a server (default 1)")
    parser.add_argument(
        "--training-threads", type=int, default=os.cpu_count(), help="of a training (default all)"
    )
    parser.add_argument("--out", type=Path, help="folder of the results (default benchmarks/)")
    return parser.parse_args()


def plan_of(options: argparse.Namespace) -> Plan:
    """How much the options ask for."""
    quick = options.quick
    return Plan(
        starts=1 if quick else 5,
        sessions=2 if quick else 9,
        web_sessions=1 if quick else 5,
        rounds=1 if quick else 5,
        serving_threads=options.threads,
        training_threads=options.training_threads,
        examples=options.examples or (4 if quick else None),
        reuse_stock=options.reuse_stock.resolve() if options.reuse_stock else None,
    )


def main() -> int:
    """Measure, write, show; exit code 1 when something failed."""
    end_in_order()
    options = arguments()
    plan = plan_of(options)
    trial = plan.examples is not None
    out = options.out or (PROJECT / "var" / "benchmark-trial" if trial else BENCHMARKS)
    if not RASA.exists():
        console.print("The assistant's environment is missing. Run `make setup`.")
        return 1
    try:
        with working_folder(options.keep) as folder:
            figures = measure(plan, folder)
    except (BenchmarkError, httpx.HTTPError) as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False)
        return 1
    report.write(figures, out)
    show(figures)
    console.print(f"Written: results.md, results.json, results.svg in {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
