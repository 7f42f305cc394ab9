# SPDX-License-Identifier: AGPL-3.0-or-later
"""The terminal: texts, tables, progress and errors, in one style.

On a terminal tables have colours and fit its width, and progress is a bar. Elsewhere (pipes, CI logs, ``TERM=dumb``)
tables are plain aligned text that other programs can read, and progress is a line now and then. ``NO_COLOR`` is heeded.
Results go to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from yolo_fine.utils.tables import Table

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 20.0


def show(*parts: str | Table) -> None:
    """Print texts and tables to standard output."""
    if not is_terminal(sys.stdout):
        print("\n".join(part if isinstance(part, str) else part.to_text() for part in parts))
        return
    console = _console(sys.stdout)
    for part in parts:
        console.print(
            part if isinstance(part, str) else _rich_table(part),
            highlight=False,
            markup=False,
            soft_wrap=isinstance(part, str),
        )


def show_error(message: str) -> None:
    """Print one message to standard error."""
    if not is_terminal(sys.stderr):
        print(message, file=sys.stderr)
        return
    from rich.text import Text

    _console(sys.stderr).print(Text(message, style="red"), soft_wrap=True)


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can do more than print lines."""
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show how far something is, on standard error.

    Args:
        title: What is done, as ``predicting``.
        total: How many steps there are, if that is known before.

    Yields:
        A function ``tell(done, of, now="")``: the number of finished steps, of all steps, and what is being done.
    """
    if is_terminal(sys.stderr):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
            task = bar.add_task(title, total=total)

            def update(done: int, of: int, now: str = "") -> None:
                bar.update(task, completed=done, total=of, description=f"{title} {now}".strip())

            yield update
        return
    last = [time.monotonic()]

    def say(done: int, of: int, now: str = "") -> None:
        if time.monotonic() - last[0] >= SECONDS_BETWEEN_LINES:
            last[0] = time.monotonic()
            print(f"{title}: {done} of {of}" + (f", {now}" if now else ""), file=sys.stderr, flush=True)

    yield say


def track(items: Iterable[T], total: int, title: str, begun: int = 0) -> Iterator[T]:
    """Hand items through, and show how many there were; ``begun`` of the total were done before."""
    with progress(title, total) as tell:
        for done, item in enumerate(items, begun + 1):
            yield item
            tell(done, total)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream)


def _rich_table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE, title=table.title or None, caption=table.note or None, title_justify="left")
    for column, number in zip(table.columns, table.is_number, strict=True):
        drawn.add_column(Text(column), justify="right" if number else "left", overflow="fold")
    for cells in table.cells:
        drawn.add_row(*map(Text, cells))
    return drawn
