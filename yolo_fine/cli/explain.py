# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine explain``: pictures that go to ``runs/explain``, ``runs/explain2``, ... if no folder is named."""

from __future__ import annotations

import functools
from typing import Any

from yolo_fine.explaining.explain import explain
from yolo_fine.explaining.result import Explanation


@functools.wraps(explain)
def explain_into_folder(**arguments: Any) -> Explanation:
    """Explain, with a folder of its own."""
    if arguments.get("out") is None:
        arguments |= {"out": "runs/explain", "numbered": True}
    return explain(**arguments)
