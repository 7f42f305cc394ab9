# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine predict slice=640``: sliced prediction that saves annotated files unless it is told not to."""

from __future__ import annotations

import functools
from typing import Any

from yolo_fine.evaluation.predict.files import FoundFiles, predict


@functools.wraps(predict)
def predict_and_save(**arguments: Any) -> FoundFiles:
    """Predict, and save as ``yolo predict`` does."""
    return predict(**{"save": True, **arguments})
