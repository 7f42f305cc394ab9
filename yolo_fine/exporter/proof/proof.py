# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is known of an exported file after it ran beside PyTorch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from yolo_fine.exporter.proof.accuracy import Accuracy
from yolo_fine.exporter.proof.boxes import Agreement
from yolo_fine.exporter.proof.latency import Latency
from yolo_fine.exporter.proof.operators import OperatorCheck
from yolo_fine.exporter.proof.shapes import Shape
from yolo_fine.exporter.proof.verdict import Verdict
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Table

SHOWN = 5  # reasons in a summary


@dataclass
class Case:
    """One shape (batch, height, width), over all images.

    ``failure`` says why there is nothing to compare.
    """

    shape: Shape
    max_rel_err: float | None = None
    max_abs_err: float | None = None
    boxes: Agreement | None = None
    failure: str | None = None


@dataclass(repr=False)
class Proof(Result):
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
        max_rel_err: Largest relative error of a raw output: see :mod:`yolo_fine.exporter.proof.outputs`.
        max_abs_err: Largest absolute one, in the output's unit (boxes: pixels).
        mean_rel_err: Mean relative error of the worst group.
        mean_abs_err: Mean absolute error of the worst group.
        groups: The four by group of channels.
        boxes_equal: Whether the final boxes agree: one to one, same class, IoU 0.99, confidence within 0.001.
        boxes: Their agreement.
        boxes_close: Their agreement by the wider limits of ``close``.
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
    file: str = ""
    model: str = ""
    format: str = ""
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
    boxes_close: Agreement | None = None
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

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain values."""
        return asdict(self)

    def show(self) -> list[str | Table]:
        """Shapes, groups, boxes, latency, file, and the verdict last."""
        from yolo_fine.exporter.proof.terminal import proof_parts

        return proof_parts(self)

    def summary(self) -> str:
        """The verdict and what stands against a better one."""
        error = "" if self.max_rel_err is None else f" (largest relative error of raw outputs {self.max_rel_err:.1e})"
        return "\n".join([f"{self.verdict}: {self.file}{error}", *self.reasons[:SHOWN]])

    def table(self) -> list[dict[str, Any]]:
        """The shapes that were compared."""
        return [
            {
                "batch, height, width": ", ".join(map(str, case.shape)),
                "max_rel_err": case.max_rel_err,
                "max_abs_err": case.max_abs_err,
                "boxes": case.boxes.boxes if case.boxes else None,
                "matched": case.boxes.matched if case.boxes else None,
                "failure": case.failure,
            }
            for case in self.cases
        ]

    def for_metadata(self) -> dict[str, Any]:
        """What goes into the file's own metadata."""
        keys = ("verdict", "precision", "imgsz", "dynamic", "max_rel_err", "max_abs_err", "boxes_equal", "runtime",
                "arguments", "versions")  # fmt: skip
        return {key: getattr(self, key) for key in keys} | {"shapes": [case.shape for case in self.cases]}
