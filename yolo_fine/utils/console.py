# SPDX-License-Identifier: AGPL-3.0-or-later
"""The terminal: texts, tables, progress, stages and errors, in one style.

On a terminal tables have rules, too wide ones come in pieces that fit its width, and progress is a bar. Elsewhere
(pipes, CI logs, notebooks, ``TERM=dumb``) tables are plain aligned text that other programs can read, and progress is a
line now and then. ``NO_COLOR`` is heeded. Results go to standard output, progress and errors to standard error.
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
    from rich.text import Text

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 20.0
Tell = Callable[..., None]


def show(*parts: str | Table) -> None:
    """Print texts and tables to standard output."""
    if not is_terminal(sys.stdout):
        print("\n".join(part if isinstance(part, str) else part.to_text() for part in parts))
        return
    console = _console(sys.stdout)
    for part in parts:
        if isinstance(part, str):
            console.print(part, highlight=False, markup=False, soft_wrap=True)
            continue
        for piece in part.fitted(console.width - 1, gap=3):
            console.print(_rich_table(piece), highlight=False)


def show_styled(text: str, style: Callable[[str], Text]) -> None:
    """Print a text to standard output, on a terminal as ``style`` makes it look."""
    if is_terminal(sys.stdout):
        _console(sys.stdout).print(style(text), soft_wrap=True)
    else:
        print(text)


def show_error(message: str) -> None:
    """Print one message to standard error: its first part, up to the first colon, stands out."""
    _show_aside(message, "bold red")


def show_note(message: str) -> None:
    """Print a note or a warning to standard error."""
    _show_aside(message, "bold yellow")


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can do more than print lines."""
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def width(stream: TextIO | None = None, default: int = 100) -> int:
    """Columns of a terminal; ``default`` elsewhere."""
    stream = sys.stdout if stream is None else stream
    return _console(stream).width if is_terminal(stream) else default


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Tell]:
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


@contextmanager
def stage(title: str) -> Iterator[Stage]:
    """One line on standard output for one stage of a long command: what it does, then what came of it and its time.

    Whatever is written to standard output or error in the meantime stands between, so redirect it.

    Args:
        title: What is done.

    Yields:
        What takes the news (:meth:`Stage.now`, shown on a terminal only) and the outcome (:attr:`Stage.outcome`).
    """
    running = Stage()
    began = time.monotonic()
    if is_terminal(sys.stdout):
        console = _console(sys.stdout)
        with console.status(title) as status:
            running.now = lambda news: status.update(f"{title}: {news}")  # type: ignore[method-assign]
            yield running
        console.print(_line(title, running, began), highlight=False, markup=False, soft_wrap=True)
        return
    out = sys.stdout
    print(f"{title}: ", end="", file=out, flush=True)
    try:
        yield running
    except BaseException:
        print(file=out, flush=True)
        raise
    print(_line("", running, began), file=out, flush=True)


class Stage:
    """A stage that is running.

    Attributes:
        outcome: What came of it, in a few words.
    """

    outcome = "done"

    def now(self, news: str) -> None:
        """Say what is being done."""


def _line(title: str, running: Stage, began: float) -> str:
    seconds = time.monotonic() - began
    return f"{title}{': ' if title else ''}{running.outcome} ({seconds:.{0 if seconds >= 10 else 1}f} s)"


def _show_aside(message: str, style: str) -> None:
    if not is_terminal(sys.stderr):
        print(message, file=sys.stderr)
        return
    from rich.text import Text

    start, colon, rest = message.partition(": ")
    _console(sys.stderr).print(Text.assemble((start + colon, style), rest), soft_wrap=True)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream)


def _rich_table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        box=box.SIMPLE,
        title=table.title or None,
        caption=table.note or None,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
    )
    for column, number in zip(table.columns, table.is_number, strict=True):
        drawn.add_column(
            Text(column), justify="right" if number else "left", overflow="fold", no_wrap=column != table.wraps
        )
    for cells in table.cells:
        drawn.add_row(*map(Text, cells))
    return drawn
