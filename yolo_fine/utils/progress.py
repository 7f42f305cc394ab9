# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a long piece of work has come: one line of the error stream, if that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
INTERVAL = 0.2  # seconds between two updates


@contextmanager
def progress_line(what: str, *, at_once: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that takes how much is done, and of how much; the line is gone when the work is.

    ``at_once`` shows a line before anything is done, where the first steps may take seconds.
    """
    started = shown = time.monotonic()
    live = sys.stderr.isatty()
    if live and at_once:
        shown += 1e-6
        print(f"\r{what} ...\x1b[K", end="", file=sys.stderr, flush=True)

    def update(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if live and now - shown > INTERVAL:
            shown = now
            left = (now - started) / max(done, 1) * (total - done)
            print(f"\r{what}: {done} of {total}, {left:.0f} s left\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield update
    finally:
        if live and shown > started:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield ``items``, and count them."""
    with progress_line(what) as update:
        for done, item in enumerate(items, 1):
            yield item
            update(done, total)
