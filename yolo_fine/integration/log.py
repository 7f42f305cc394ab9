# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' log: what this package says there, and how it is kept quiet for a while."""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def say(message: str, details: Iterable[str] = ()) -> None:
    """Log a message of this package, and lines below it."""
    from ultralytics.utils import LOGGER

    LOGGER.info(f"yolo_fine: {message}")
    for line in details:
        LOGGER.info(f"  {line}")


def warn(message: str) -> None:
    """Log a warning of this package."""
    from ultralytics.utils import LOGGER

    LOGGER.warning(f"yolo_fine: {message}")


@contextmanager
def log_filter(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Put a filter on Ultralytics' logger for a while."""
    from ultralytics.utils import LOGGER

    LOGGER.addFilter(keep)
    try:
        yield
    finally:
        LOGGER.removeFilter(keep)


@contextmanager
def silent_thread() -> Iterator[None]:
    """Drop what this thread logs; other threads go on logging."""
    thread = threading.get_ident()
    with log_filter(lambda record: record.thread != thread):
        yield


@contextmanager
def quiet_ultralytics() -> Iterator[list[str]]:
    """Silence the log, whose paths are those of the scratch folder; yields the warnings as they come."""
    told: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno == logging.WARNING:
            text = " ".join(COLOUR.sub("", record.getMessage()).replace("WARNING", "").replace("⚠️", "").split())
            if text not in told:
                told.append(text)
        return False

    def drop(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    talkers = (logging.getLogger(), logging.getLogger("nncf"))  # onnxruntime's quantiser uses the first
    for logger in talkers:
        logger.addFilter(drop)
    try:
        with log_filter(keep), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about sizes that become constants: the proof tells
            yield told
    finally:
        for logger in talkers:
            logger.removeFilter(drop)


@contextmanager
def output_to(file: Path) -> Iterator[None]:
    """Append what Ultralytics logs and what Python prints for a while to a file.

    Raises:
        OSError: It can't be written.
    """
    terminal = sys.stdout
    with file.open("a", encoding="utf-8", errors="replace") as log, redirect_stdout(log), redirect_stderr(log):
        from ultralytics.utils import LOGGER  # its first import on a machine says that it wrote its settings

        handlers = [one for one in LOGGER.handlers if isinstance(one, logging.StreamHandler)]
        before = [(one, terminal if one.stream is log else one.stream) for one in handlers]
        for handler in handlers:
            handler.setStream(log)
        try:
            yield
        finally:
            for handler, stream in before:
                handler.setStream(stream)


def short(error: BaseException) -> str:
    """The first line of an error that says something, without decoration."""
    lines = [" ".join(line.replace("ERROR", "").replace("❌️", "").replace("❌", "").split()) for line in
             COLOUR.sub("", str(error)).splitlines()]  # fmt: skip
    said = [line for line in lines if line] or [type(error).__name__]
    return " ".join(said[:2]) if said[0].endswith((":", "indices")) else said[0]  # onnxruntime names them on the next
