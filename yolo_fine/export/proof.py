# SPDX-License-Identifier: AGPL-3.0-or-later
"""The comparison itself: a reference and an opened file, on real pictures, at every shape that the file claims."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from yolo_fine.export.accuracy import Accuracy
from yolo_fine.export.boxes import CONFIDENCE, Agreement, agree, final_boxes
from yolo_fine.export.latency import Latency, measure_latency
from yolo_fine.export.operators import OperatorCheck
from yolo_fine.export.outputs import GroupError, OutputMismatch, compare_outputs
from yolo_fine.export.pictures import stack
from yolo_fine.export.quiet import short
from yolo_fine.export.reference import Reference
from yolo_fine.export.runtimes import Runtime
from yolo_fine.export.verdict import CLOSE, EQUAL, Verdict, fails

Shape = tuple[int, int, int]  # batch, height, width
NMS_NEEDS = 300  # cells that an end-to-end head chooses its rows from


@dataclass
class Case:
    """One shape (batch, height, width), over all pictures.

    ``failure`` says why there is nothing to compare.
    """

    shape: Shape
    max_rel_err: float | None = None
    max_abs_err: float | None = None
    boxes: Agreement | None = None
    failure: str | None = None


@dataclass
class Proof:
    """What is known of an exported file: also the content of ``json=FILE``.

    Attributes:
        verdict: ``equal``, ``close``, ``DIFFERENT`` or ``not proven``.
        reasons: What stands against a better verdict.
        file: The exported file.
        model: The checkpoint.
        format: As Ultralytics names it.
        runtime: What ran the file; None if nothing did.
        precision: ``fp32``, ``fp16`` or ``int8``.
        imgsz: Height and width of the export.
        dynamic: Whether the file claims to take other sizes.
        max_rel_err: Largest relative error of a raw output: see :mod:`yolo_fine.export.outputs`.
        max_abs_err: Largest absolute one, in the output's unit (boxes: pixels).
        mean_rel_err: Mean relative error of the worst group.
        mean_abs_err: Mean absolute error of the worst group.
        groups: The four by group of channels.
        boxes_equal: Whether the final boxes agree: one to one, same class, IoU 0.99, confidence within 0.001.
        boxes: Their agreement.
        cases: By shape.
        latency: At the export size.
        latency_ratio: File / PyTorch.
        accuracy: AP of both, if data was given.
        bytes: Size of the file.
        opset: Of an ONNX file.
        nodes: Number of operators.
        operators: By name.
        other_runtimes: What lists of other runtimes say of the operators of an ONNX file.
        notes: What a reader should know.
        arguments: Arguments for Ultralytics.
        versions: Of what took part.
    """

    verdict: Verdict
    reasons: list[str]
    file: str
    model: str
    format: str
    runtime: str | None = None
    precision: str = "fp32"
    imgsz: tuple[int, int] | None = None
    dynamic: bool = False
    max_rel_err: float | None = None
    max_abs_err: float | None = None
    mean_rel_err: float | None = None
    mean_abs_err: float | None = None
    groups: dict[str, dict[str, float]] = field(default_factory=dict)
    boxes_equal: bool | None = None
    boxes: Agreement | None = None
    cases: list[Case] = field(default_factory=list)
    latency: Latency | None = None
    latency_ratio: float | None = None
    accuracy: Accuracy | None = None
    bytes: int = 0
    opset: int | None = None
    nodes: int | None = None
    operators: dict[str, int] = field(default_factory=dict)
    other_runtimes: dict[str, OperatorCheck] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the file."""
        return self.verdict != "DIFFERENT"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def summary(self) -> dict[str, Any]:
        """What goes into the file's own metadata."""
        keys = ("verdict", "precision", "imgsz", "dynamic", "max_rel_err", "max_abs_err", "boxes_equal", "runtime",
                "arguments", "versions")  # fmt: skip
        return {key: getattr(self, key) for key in keys} | {"shapes": [case.shape for case in self.cases]}


def compare(reference: Reference, runtime: Runtime, pictures: list[np.ndarray], shapes: list[Shape],
            precision: str) -> dict[str, Any]:  # fmt: skip
    """Run both on every shape and judge.

    Args:
        reference: PyTorch's side.
        runtime: The file's side.
        pictures: BGR pictures, (height, width, 3) uint8.
        shapes: Shapes to compare at: see :func:`shapes_to_prove`.
        precision: Of the file; decides what is close.

    Returns:
        The fields of :class:`Proof` that this can tell.
    """
    limits = CLOSE[precision]
    strict, loose = Agreement(), Agreement()
    cases, errors = [], []
    for shape in shapes:
        case, found = _compare_shape(reference, runtime, pictures, shape, (strict, loose), precision)
        cases.append(case)
        errors += found
    groups = summarise(errors)
    worst = {
        key: max((group[key] for group in groups.values()), default=0.0)
        for key in ("max_rel_err", "max_abs_err", "mean_rel_err", "mean_abs_err")
    }
    failures = [f"at {_name(case.shape)}: {case.failure}" for case in cases if case.failure]
    figures = (worst["max_rel_err"], worst["mean_rel_err"])
    not_equal, not_close = fails(EQUAL, *figures, strict), fails(limits, *figures, loose)
    verdict: Verdict = "DIFFERENT" if failures or not_close else "close" if not_equal else "equal"
    notes = []
    if not failures and reference.layout != "plain" and not strict.boxes:
        notes.append(
            f"the model finds nothing at confidence {CONFIDENCE} on these pictures, so no final boxes were compared; "
            "pictures=DIR names others"
        )
    if not failures and groups.get("boxes", {}).get("count") == 0:
        failures.append("all scores of this model are alike, so no boxes could be compared; train it first")
        verdict = "not proven"
    return {
        "verdict": verdict, "reasons": failures + (not_close or not_equal), "cases": cases, "groups": groups,
        "notes": notes, "boxes": strict if reference.layout != "plain" else None,
        "boxes_equal": None if reference.layout == "plain"
        else not failures and strict.share == 1 and strict.max_conf_diff <= EQUAL.slack,
        **({} if not errors else worst),
    }  # fmt: skip


def _compare_shape(
    reference: Reference, runtime: Runtime, pictures: list[np.ndarray], shape: Shape,
    totals: tuple[Agreement, Agreement], precision: str,
) -> tuple[Case, list[GroupError]]:  # fmt: skip
    """One shape over all pictures; the agreement of boxes is added to the totals."""
    batch, height, width = shape
    classes, errors, here = len(reference.names), [], Agreement()
    for first in range(0, len(pictures), batch):
        pixels = stack(pictures, first, batch, height, width)
        expected = reference.run(pixels)
        try:
            got = runtime.run(pixels)
            found = compare_outputs(expected, got, reference.layout, classes, max(height, width), reference.floor)
        except OutputMismatch as error:
            return Case(shape, failure=str(error)), []
        except Exception as error:  # every runtime has its own kinds for one condition: the file can't do this
            return Case(shape, failure=f"{runtime.name.split(' ')[0]}: {short(error)}"), []
        errors += found
        if reference.layout == "plain":
            continue
        for limits, into in ((EQUAL, (totals[0], here)), (CLOSE[precision], (totals[1],))):
            sides = [
                final_boxes(y[0], reference.layout, classes, (height, width), conf=CONFIDENCE - limits.slack)
                for y in (expected, got)
            ]
            for one, two in zip(*sides, strict=True):
                agreement = agree(one, two, iou=limits.iou, slack=limits.slack)
                for total in into:
                    total.add(agreement)
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


def shapes_to_prove(reference: Reference, *, sizes: bool, batches: bool) -> list[Shape]:
    """The export's own shape; for a dynamic file another aspect and a larger size, and a second batch size.

    Args:
        reference: Export size, batch and stride.
        sizes: The file claims to take any size.
        batches: The file claims to take any batch.
    """
    batch, (height, width), stride = reference.batch, reference.imgsz, reference.stride
    second = (2 if batch == 1 else 1) if batches else batch
    shapes = [(batch, height, width)]
    if sizes:
        lower = height * 3 // 4 // stride * stride
        if lower * width // 64 < NMS_NEEDS:  # too few cells for an end-to-end head: wider instead
            shapes.append((second, height, width + stride))
        else:
            shapes.append((second, lower, width))
        larger = (max(height, width) * 5 // 4 // stride + 1) * stride
        shapes.append((batch, larger, larger))
        if height != width:
            shapes.append((second, max(height, width), max(height, width)))
    elif batches:
        shapes.append((second, height, width))
    return shapes


def time_both(reference: Reference, runtime: Runtime, pictures: list[np.ndarray], pairs: int, threads: int) -> Latency:
    """Latency at the export's own shape."""
    pixels = stack(pictures, 0, reference.batch, *reference.imgsz)
    return measure_latency(reference.run, runtime.run, pixels, pairs=pairs, threads=threads)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let PyTorch use that many CPU threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _name(shape: Shape) -> str:
    return f"batch {shape[0]}, {shape[1]}x{shape[2]}"
