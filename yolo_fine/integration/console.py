# SPDX-License-Identifier: AGPL-3.0-or-later
"""One clear message instead of a traceback when a user's mistake ends the stock ``yolo`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from yolo_fine.errors import YoloFineError

COMMANDS = ("yolo", "ultralytics", "yolo-fine")


def short_messages() -> None:
    """In the ``yolo`` commands, show errors of this package without a traceback. Everything else is left alone."""
    if Path(sys.argv[0] if getattr(sys, "argv", None) else "").stem not in COMMANDS:
        return
    previous = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, YoloFineError):
            print(f"yolo_fine: {error}", file=sys.stderr)
        else:
            previous(kind, error, trace)

    sys.excepthook = excepthook
