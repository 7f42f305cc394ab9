# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine ablate``: an ablation that shows its plan before the first run."""

from __future__ import annotations

import functools
from typing import Any

from yolo_fine.ablation.grid import ablate
from yolo_fine.ablation.report import Ablation


@functools.wraps(ablate)
def ablate_and_tell(**arguments: Any) -> Ablation:
    """Carry out an ablation, and show the plan first."""
    return ablate(**{"verbose": True, **arguments})
