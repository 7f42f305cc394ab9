# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a larger input or a finer head would do for objects that training cannot see, and at which cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yolo_fine.assigning.count import count_objects
from yolo_fine.assigning.result import Assignment, Cure
from yolo_fine.assigning.rules import RELEASES, make_rule
from yolo_fine.composer.compose import compose
from yolo_fine.costs.model_costs import measure_at
from yolo_fine.errors import YoloFineError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.models import open_model

FACTORS = (1.5, 2.0)


def find_cures(truth: GroundTruth, found: Assignment, detector: Any) -> list[Cure]:
    """Count again with larger inputs, and with one finer level beside the others, with and without the coarsest.

    Args:
        truth: The objects.
        found: What was counted for the input size and head asked for.
        detector: The ``YOLO`` that was asked for, or None; its GFLOPs are the unit of the costs. A finer head is
            counted on the model that compose makes of its YAML.
    """
    cures = []
    unit = None if detector is None else count_gflops(detector, found.imgsz)
    follows_strides = found.rule in RELEASES  # a floor in pixels does not
    for what, imgsz, strides in _options(found):
        rule = make_rule(found.rule, strides if follows_strides else found.strides)
        seen = count_objects(truth, imgsz, strides, rule).overall
        head = what.removeprefix("head=") if "head=" in what else None
        if detector is None:  # nothing is known but the number of pixels
            cost = (imgsz / found.imgsz) ** 2 if head is None else None
        else:
            changed = count_gflops(detector, imgsz, head)
            cost = changed / unit if changed and unit else None
        cures.append(Cure(what, seen.no_candidate, seen.contested, cost))
    return cures


def _options(found: Assignment) -> list[tuple[str, int, Sequence[float]]]:
    larger = [round(found.imgsz * factor / 32) * 32 for factor in FACTORS]
    options: list[tuple[str, int, Sequence[float]]] = [(f"imgsz={size}", size, found.strides) for size in larger]
    if min(found.strides) > 4:
        finer = [found.strides[0] / 2, *found.strides]
        options.append((f"head={levels_of(finer)}", found.imgsz, finer))
        if finer == [4, 8, 16, 32]:
            options.append((f"head={levels_of(finer[:-1])}", found.imgsz, finer[:-1]))
    return options


def levels_of(strides: Sequence[float]) -> str:
    """The levels of these strides in the words of compose: ``p2,p3,p4``."""
    return ",".join(f"p{round(log2(stride))}" for stride in strides)


def count_gflops(detector: Any, imgsz: int, head: str | None = None) -> float | None:
    """GFLOPs of a model at an input size, with its own head or with other levels; None where they can't be counted."""
    try:
        network = detector.model if head is None else finer_model(detector.model.yaml.get("yaml_file", ""), head)
        return measure_at(network, imgsz)
    except (YoloFineError, OSError, RuntimeError, ValueError):
        return None


def finer_model(name: str, head: str) -> Any:
    """The network that compose makes of a model's YAML with these levels."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / f"{Path(name).stem}-p2.yaml"
        compose(name, head=head, out=out)
        return open_model(out).model
