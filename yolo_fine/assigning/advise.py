# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a dataset's sizes ask for, by rule.

The limits are those of ``yolo-fine assign``: under 0.1 % of the objects without a candidate anchor, under 10 %
contested.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

import numpy as np

from yolo_fine.assigning.advice import (
    ALL_LEVELS,
    BEST,
    CONTESTED,
    P4_REACH,
    SMALL,
    UNSEEN,
    Advice,
    comparison,
    finer_levels,
    input_and_head,
    on_slices,
    stock_model,
    weights,
    with_p5,
    without_p5,
)
from yolo_fine.assigning.count import input_boxes
from yolo_fine.assigning.cures import FACTORS
from yolo_fine.assigning.result import Assignment, Cure
from yolo_fine.composer.compose import compose
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.models import build_detection_network


def advise(data: str, truth: GroundTruth, found: Assignment, family: str, scale: str) -> list[Advice]:
    """All advice for a dataset.

    Args:
        data: Dataset YAML.
        truth: Its training objects.
        found: What training sees of them with the stock model.
        family: ``yolo11``, ``yolo26`` or ``yolov8``.
        scale: Scale letter.
    """
    cure = choose(found)
    with_p2 = cure is not None and cure.what.startswith("head=")
    imgsz = int(cure.what.partition("=")[2]) if cure is not None and cure.what.startswith("imgsz=") else found.imgsz
    base = f"{family}{scale}"
    largest = float(input_boxes(truth, found.imgsz)[0][:, 2:].max())
    needs_p5 = with_p2 and largest > P4_REACH
    stock = f"{base}.yaml"
    model = f"{base}-{'p2345' if needs_p5 else 'small'}.yaml" if with_p2 else stock
    with TemporaryDirectory() as folder:
        source = model
        if needs_p5:
            source = str(Path(folder) / model)
            compose(base, head=ALL_LEVELS, out=source)
        network = build_detection_network(source)
    advice = [input_and_head(found, cure)]
    if with_p2:
        advice.append(with_p5(base, model, largest) if needs_p5 else without_p5(base, found.imgsz, largest))
    rival = rival_of(base, truth, imgsz, largest) if model == stock else model
    take = stock_model(base, rival, network, imgsz) if model == stock else finer_levels(base, model, network, imgsz)
    advice += [take, weights(data, base, model, network, imgsz)]
    advice += [one for one in [on_slices(data, truth, imgsz)] if one]
    sliced = any(one.topic == "slices" and one.commands for one in advice)
    arm = f"{base}+head:{ALL_LEVELS}" if needs_p5 else rival
    models = [stock, arm, f"{stock}+imgsz:{round(imgsz * FACTORS[0] / 32) * 32}"]
    common = f"data={quote(data)} weights={base}.pt imgsz={imgsz}"
    return [*advice, comparison(models, common, () if sliced else (f"yolo-fine eval {BEST} {quote(data)}",))]


def choose(found: Assignment) -> Cure | None:
    """The change to make: none, the cheapest that brings both shares under their limits, or the one that does most."""
    if found.overall.no_candidate < UNSEEN and found.overall.contested < CONTESTED:
        return None
    good = [one for one in found.cures if one.no_candidate < UNSEEN and one.contested < CONTESTED]
    if good:
        return min(good, key=lambda one: (one.cost is None, one.cost or 0.0))
    return min(found.cures, key=lambda one: one.no_candidate + one.contested, default=None)


def rival_of(base: str, truth: GroundTruth, imgsz: int, largest: float) -> str:
    """The packaged model to compare with the stock one where its levels see all: by what docs/study.md has seen.

    A level at stride 4 raised the recall of small objects beyond noise where most were small; no block did.
    """
    boxes, _ = input_boxes(truth, imgsz)
    mostly_small = bool(np.median(boxes[:, 2] * boxes[:, 3]) < SMALL**2)
    return f"{base}-small.yaml" if mostly_small and largest <= P4_REACH else f"{base}-fine.yaml"
