# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data check``: a check whose image is drawn in ``runs/data`` if no file is named."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from yolo_fine.data.check.check import check_dataset
from yolo_fine.data.check.result import DatasetCheck


@functools.wraps(check_dataset)
def check_and_draw(**arguments: Any) -> DatasetCheck:
    """Check a dataset, and draw its sizes and classes."""
    if "data" in arguments and arguments.get("out") is None:
        arguments["out"] = Path("runs/data") / f"{Path(arguments['data']).stem}.png"
    return check_dataset(**arguments)
