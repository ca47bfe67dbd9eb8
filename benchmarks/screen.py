"""How long the safety screen takes, by length of message, and how long its rules take to load.

Run: python benchmarks/screen.py [--json FILE]. Target: p99 under 5 ms up to 500 characters, rules
loaded in under 1 s, time that grows linearly with length.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.safety.dialogue import assess
from bot.safety.rulebook import load_rulebook
from bot.safety.screen import Screen
from bot.safety.types import PastTurn

LENGTHS = (10, 50, 100, 250, 500, 1_000, 10_000, 100_000)
_STORY = (
    "Hello, my mother has MS and takes 20 mg of baclofen three times a day. She was fine this "
    "morning but I would like to know what the side effects are and how to taper safely, because "
    "her doctor is away. Last year she had a seizure after she ran out. Can withdrawal cause "
    "fever? We live in Ottawa and my brother says it is not addictive. Thank you. "
)


def measure(screen: Screen, length: int) -> dict[str, float]:
    """Milliseconds per message of this length, by the clock and by the processor.

    Processor time is what the screen costs; the clock also counts whatever else the machine does.
    """
    text = (_STORY * (length // len(_STORY) + 1))[:length]
    rounds = max(5, min(400, 400_000 // length))
    history = [PastTurn("what is baclofen"), PastTurn("thanks")]
    assess(screen, history, text)
    times, cpu = [], []
    for _ in range(rounds):
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        assess(screen, history, text)
        cpu.append((time.thread_time() - begun_cpu) * 1000)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    cpu.sort()
    return {
        "length": length,
        "rounds": rounds,
        "p50_ms": round(statistics.median(times), 3),
        "p99_ms": round(times[min(len(times) - 1, int(len(times) * 0.99))], 3),
        "cpu_p50_ms": round(statistics.median(cpu), 3),
        "cpu_p99_ms": round(cpu[min(len(cpu) - 1, int(len(cpu) * 0.99))], 3),
        "us_per_character": round(statistics.median(times) * 1000 / length, 3),
    }


def main() -> None:
    """Print a table and, when asked, write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begun = time.perf_counter()
    screen = Screen(load_rulebook())
    load_seconds = time.perf_counter() - begun
    tracemalloc.start()
    kept = Screen(load_rulebook())
    memory_mb = tracemalloc.get_traced_memory()[0] / 1_048_576
    tracemalloc.stop()
    del kept
    rows = [measure(screen, length) for length in LENGTHS]
    table = Table(title=f"Safety screen: rules loaded in {load_seconds:.2f} s, {memory_mb:.0f} MB")
    names = ("characters", "rounds", "p50 ms", "p99 ms", "cpu p50", "cpu p99", "µs/character")
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{value:,}" for value in row.values()))
    Console().print(table)
    if options.json:
        report = {"load_seconds": load_seconds, "memory_mb": memory_mb, "by_length": rows}
        options.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
