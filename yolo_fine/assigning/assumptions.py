# SPDX-License-Identifier: AGPL-3.0-or-later
"""What ``yolo-fine assign`` assumes of the installed Ultralytics: that it looks for candidates as we count them."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_fine.assigning.candidates import count_candidates, spans
from yolo_fine.assigning.rules import make_rule
from yolo_fine.integration.stock_assigner import agrees_with_stock, stock_rule
from yolo_fine.integration.versions import Assumption, require
from yolo_fine.utils.arrays import Array


def _candidates() -> None:
    rule = stock_rule()

    def count(boxes: Array, strides: Sequence[float], imgsz: int) -> Array:
        return count_candidates(spans(boxes, make_rule(rule, strides), strides, imgsz))

    for head, differing in agrees_with_stock(count):
        require(differing == 0, f"anchors are candidates as under rule {rule} ({differing} of 1000 boxes, {head})")


ASSIGNING = (Assumption("objects have the candidates that `yolo-fine assign` counts", _candidates),)
