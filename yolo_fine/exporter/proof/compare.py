# SPDX-License-Identifier: AGPL-3.0-or-later
"""The comparison itself: a reference and an opened file, on real images, at every shape that the file claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from yolo_fine.errors import CheckpointError
from yolo_fine.exporter.proof.accuracy import Accuracy
from yolo_fine.exporter.proof.boxes import CONFIDENCE, Agreement, agree, final_boxes
from yolo_fine.exporter.proof.images import stack
from yolo_fine.exporter.proof.outputs import GroupError, OutputMismatch, compare_outputs
from yolo_fine.exporter.proof.proof import Case
from yolo_fine.exporter.proof.shapes import Shape
from yolo_fine.exporter.proof.verdict import CLOSE, ENOUGH_IMAGES, EQUAL, Limits, Verdict, fails
from yolo_fine.exporter.runtimes import Runtime
from yolo_fine.integration.export_reference import Reference
from yolo_fine.integration.log import short
from yolo_fine.utils.arrays import Array


def compare(
    reference: Reference, runtime: Runtime, images: list[Array], *, shapes: list[Shape], precision: str,
    measure_accuracy: Callable[[], Accuracy] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run both on every shape and judge.

    Args:
        reference: PyTorch's side.
        runtime: The file's side.
        images: BGR images, (height, width, 3) uint8.
        shapes: Shapes to compare at: see :func:`shapes_to_prove`.
        precision: Of the file; decides what is close.
        measure_accuracy: Gives AP of both; asked once the file has run at the export's own shape.

    Returns:
        The fields of :class:`Proof` that this can tell.

    Raises:
        CheckpointError: The reference gives numbers that are not finite.
    """
    limits = CLOSE[precision]
    strict, loose = Agreement(), Agreement()
    cases, errors = [], []
    for shape in shapes:
        case, found = _compare_shape(reference, runtime, images, shape, {EQUAL: strict, limits: loose})
        cases.append(case)
        errors += found
    groups = summarise(errors)
    worst = {
        key: max((group[key] for group in groups.values()), default=0.0)
        for key in ("max_rel_err", "max_abs_err", "mean_rel_err", "mean_abs_err")
    }
    failures = [f"at {_name(case.shape)}: {case.failure}" for case in cases if case.failure]
    accuracy = measure_accuracy() if measure_accuracy is not None and not cases[0].failure else None
    ap_loss = None
    if accuracy is not None and accuracy.images >= ENOUGH_IMAGES and accuracy.difference["AP"] is not None:
        ap_loss = -accuracy.difference["AP"]
    not_equal = fails(EQUAL, worst["max_rel_err"], worst["mean_rel_err"], strict, ap_loss)
    not_close = fails(limits, worst["max_rel_err"], worst["mean_rel_err"], loose, ap_loss)
    raw_differs = fails(EQUAL, worst["max_rel_err"], worst["mean_rel_err"], Agreement(), ap_loss)
    if reference.layout == "grid" and not raw_differs:
        not_close = []  # boxes follow from raw outputs: where those are equal, rounding decided a suppression
    verdict: Verdict = "DIFFERENT" if failures or not_close else "close" if not_equal else "equal"
    notes = []
    if not failures and reference.layout != "plain" and not strict.boxes:
        notes.append(
            f"the model finds nothing at confidence {CONFIDENCE} on these images, so no final boxes were compared; "
            "images=DIR names others"
        )
    if verdict != "DIFFERENT" and groups.get("boxes", {}).get("count") == 0:
        failures.append(
            "no row of the output stands out by its score, so none could be compared; train the model, or name "
            "images with its objects: images=DIR"
        )
        verdict = "not proven"
    elif verdict == "close" and limits.max_rel_err is None and not loose.matched:
        failures.append(
            f"of {precision} files only the final boxes say whether they are right, and none could be compared here"
        )
        verdict = "not proven"
    return {
        "verdict": verdict, "reasons": failures + (not_close or not_equal), "cases": cases, "groups": groups,
        "notes": notes, "accuracy": accuracy, "boxes": strict if reference.layout != "plain" else None,
        "boxes_close": loose if reference.layout != "plain" else None,
        "boxes_equal": None if reference.layout == "plain" else not failures and strict.share == 1,
        **({} if not errors else worst),
    }  # fmt: skip


def _compare_shape(
    reference: Reference, runtime: Runtime, images: list[Array], shape: Shape,
    totals: dict[Limits, Agreement],
) -> tuple[Case, list[GroupError]]:  # fmt: skip
    """One shape over all images; the agreement of boxes is added to the totals."""
    batch, height, width = shape
    classes, errors, here = len(reference.names), [], Agreement()
    for first in range(0, len(images), batch):
        pixels = stack(images, first, batch, height, width)
        expected = reference.run(pixels)
        if not all(np.isfinite(y).all() for y in expected):
            raise CheckpointError(
                f"the model itself gives numbers that are not finite, at {_name(shape)}: its training has diverged"
            )
        try:
            got = runtime.run(pixels)
            found = compare_outputs(
                expected, got, layout=reference.layout, classes=classes, side=max(height, width), floor=reference.floor
            )
        except OutputMismatch as error:
            return Case(shape, failure=str(error)), []
        except Exception as error:  # every runtime has its own kinds for one condition: the file can't do this
            return Case(shape, failure=f"{runtime.name.split(' ')[0]}: {short(error)}"), []
        errors += found
        if reference.layout == "plain":
            continue
        for limits, total in totals.items():
            sides = [
                final_boxes(y[0], reference.layout, classes, (height, width), conf=CONFIDENCE - limits.slack)
                for y in (expected, got)
            ]
            for one, two in zip(*sides, strict=True):
                floor = max(reference.floor, CONFIDENCE - limits.slack)
                agreement = agree(
                    one, two, iou=limits.iou, slack=limits.slack, confidence=limits.confidence, floor=floor
                )
                total.add(agreement)
                if limits is EQUAL:
                    here.add(agreement)
    groups = summarise(errors).values()
    return Case(
        shape,
        max_rel_err=max(group["max_rel_err"] for group in groups),
        max_abs_err=max(group["max_abs_err"] for group in groups),
        boxes=None if reference.layout == "plain" else here,
    ), errors


def summarise(errors: list[GroupError]) -> dict[str, dict[str, float]]:
    """Errors of many batches by group."""
    groups: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(error.group for error in errors):
        own = [error for error in errors if error.group == name]
        count = sum(error.count for error in own)
        groups[name] = {
            "max_rel_err": max(error.max_abs / error.scale for error in own),
            "max_abs_err": max(error.max_abs for error in own),
            "mean_rel_err": sum(error.mean_abs / error.scale * error.count for error in own) / max(count, 1),
            "mean_abs_err": sum(error.mean_abs * error.count for error in own) / max(count, 1),
            "count": count,
        }
    return groups


def _name(shape: Shape) -> str:
    return f"batch {shape[0]}, {shape[1]}x{shape[2]}"
