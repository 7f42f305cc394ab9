# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a long loop has come, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield ``items``; count them in one line of the error stream if that is a terminal."""
    shown = 0.0
    live = sys.stderr.isatty()
    try:
        for done, item in enumerate(items, 1):
            yield item
            if live and time.monotonic() - shown > 0.2:
                shown = time.monotonic()
                print(f"\r{what}: {done} of {total} ({100 * done // max(total, 1)} %)", end="\x1b[K", file=sys.stderr)
    finally:
        if live and shown:
            print("\r\x1b[K", end="", file=sys.stderr)
