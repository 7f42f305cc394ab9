# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine eval``: an evaluation whose files go to ``runs/eval``, ``runs/eval2``, ... if no folder is named."""

from __future__ import annotations

import functools
from typing import Any

from yolo_fine.evaluation.result import Evaluation
from yolo_fine.evaluation.run import evaluate


@functools.wraps(evaluate)
def evaluate_into_folder(**arguments: Any) -> Evaluation:
    """Evaluate, with a folder of its own."""
    if arguments.get("out") is None:
        arguments |= {"out": "runs/eval", "numbered": True}
    return evaluate(**arguments)
