# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a demo run made and measured, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True, repr=False)
class DemoResult(Result):
    """One run: also the content of ``demo.json``.

    Attributes:
        map50: Ultralytics' mAP at an overlap of 0.5 on the val images.
        map50_95: The same over 0.5 to 0.95.
        ap50: By class.
        whole: COCO's AP, AP50 and AP_small on whole images, fractions.
        sliced: The same on slices; None without SAHI.
        small_found: How many small objects of the picture were found.
        small_missed: How many were not.
        seconds: Wall time by stage.
        weights: The checkpoint.
        onnx: The exported file; None where a package is missing.
        onnx_verdict: What comparing its outputs with those of the weights gave.
        report: The HTML report.
        picture: One val image with found and missed small objects.
        log: What Ultralytics printed.
        settings: Arguments that make the same run again.
    """

    map50: float
    map50_95: float
    ap50: dict[str, float]
    whole: dict[str, float | None]
    sliced: dict[str, float | None] | None
    small_found: int
    small_missed: int
    seconds: dict[str, float]
    weights: str
    onnx: str | None
    onnx_verdict: str | None
    report: str
    picture: str
    log: str
    settings: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def summary(self) -> str:
        """The main metrics."""
        return f"mAP50 {self.map50:.3f}, mAP50-95 {self.map50_95:.3f}; {self.report}"

    def table(self) -> Sequence[Row]:
        """AP50 of each class."""
        return [{"class": name, "AP50": value} for name, value in self.ap50.items()]

    def show(self) -> list[str | Table]:
        """Where the report is, and three commands for own data."""
        return [
            "\n".join(
                [
                    f"Open {self.report} (and {self.picture}). On your own data:",
                    "  yolo-fine start data=mydata.yaml",
                    "  yolo-fine train model=yolo11n-fine.yaml pretrained=yolo11n.pt data=mydata.yaml",
                    "  yolo-fine eval model=runs/detect/train/weights/best.pt data=mydata.yaml",
                ]
            )
        ]
