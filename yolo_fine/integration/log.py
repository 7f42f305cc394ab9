# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeps Ultralytics' log out of the way during an export, and keeps its warnings."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def quiet_ultralytics() -> Iterator[list[str]]:
    """Silence the log, whose paths are those of the scratch folder; yields the warnings as they come."""
    from ultralytics.utils import LOGGER

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
    LOGGER.addFilter(keep)
    for logger in talkers:
        logger.addFilter(drop)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about sizes that become constants: the proof tells
            yield told
    finally:
        LOGGER.removeFilter(keep)
        for logger in talkers:
            logger.removeFilter(drop)


def short(error: BaseException) -> str:
    """The first line of an error that says something, without decoration."""
    lines = [" ".join(line.replace("ERROR", "").replace("❌️", "").replace("❌", "").split()) for line in
             COLOUR.sub("", str(error)).splitlines()]  # fmt: skip
    said = [line for line in lines if line] or [type(error).__name__]
    return " ".join(said[:2]) if said[0].endswith((":", "indices")) else said[0]  # onnxruntime names them on the next
