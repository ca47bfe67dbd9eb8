"""Counters of what happened, without any text: read by /readyz, tests and later the console."""

from __future__ import annotations

import threading
from collections import Counter


class Metrics:
    """Counts by name; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def snapshot(self) -> dict[str, int]:
        """All counters as they are now."""
        with self._lock:
            return dict(self._counts)
