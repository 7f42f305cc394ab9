# SPDX-License-Identifier: AGPL-3.0-or-later
"""A detector's boxes on the images of a ground truth, as the arguments of an evaluation ask."""

from __future__ import annotations

from typing import Any

from yolo_fine.evaluation.predict.detector import open_detector
from yolo_fine.evaluation.predict.sliced import predict_sliced
from yolo_fine.evaluation.predict.whole import Predictions, predict_whole
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.prediction import forget_predictor, trained_size
from yolo_fine.utils.console import progress as show_progress

# The arguments of an evaluation that are read here.
SETTINGS = ("conf", "iou", "max_det", "multi_label", "allow_missing", "batch", "device", "half")
ARGUMENTS = (*SETTINGS, "imgsz", "slice", "overlap", "full_pass", "whole")


def predict_images(truth: GroundTruth, arguments: dict[str, Any]) -> tuple[Predictions, Predictions | None]:
    """The boxes of ``arguments["model"]``; with ``slice`` and ``whole`` those on whole images too."""
    detector = open_detector(arguments["model"])
    try:
        return _predict_with(detector, truth, arguments)
    finally:
        forget_predictor(detector)  # the next prediction with a loaded model is the user's own


def _predict_with(
    detector: Any, truth: GroundTruth, arguments: dict[str, Any]
) -> tuple[Predictions, Predictions | None]:
    trained_at = trained_size(detector)
    settings = {key: arguments[key] for key in SETTINGS}
    size = arguments["imgsz"]

    def on_whole_images() -> Predictions:
        with show_progress("images") as progress:
            return predict_whole(detector, truth, imgsz=size or trained_at, **settings, progress=progress)

    if arguments["slice"] is None:
        return on_whole_images(), None
    slicing = {"slice_size": arguments["slice"], "overlap": arguments["overlap"], "imgsz": size}
    with show_progress("sliced images") as progress:
        sliced = predict_sliced(
            detector, truth, **slicing, whole_image=arguments["full_pass"], **settings, progress=progress
        )
    return sliced, on_whole_images() if arguments["whole"] else None
