# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model's boxes on overlapping slices of each image of a ground truth, merged; see :mod:`.slices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from yolo_fine.evaluation.classes import match_classes
from yolo_fine.evaluation.predict.bands import check_bands
from yolo_fine.evaluation.predict.slices import Slicer
from yolo_fine.evaluation.predict.whole import (
    Collector,
    Predictions,
    Progress,
    batches_of_one_size,
    check_arguments,
    notes_on,
    predict_options,
    read_image,
    rows_of,
)
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.prediction import forget_predictor
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from ultralytics import YOLO


def predict_sliced(
    model: YOLO,
    truth: GroundTruth,
    *,
    slice_size: int = 640,
    overlap: float = 0.2,
    whole_image: bool = True,
    drop_cut: bool = True,
    merge: Literal["nms", "nms_ios"] = "nms",
    merge_iou: float = 0.5,
    class_agnostic: bool = False,
    imgsz: int | None = None,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 500,
    batch: int = 1,
    device: str | int | None = None,
    half: bool = False,
    multi_label: bool = False,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Run a model on slices of each image, and on the whole image, and merge the boxes.

    Args:
        model: An ``ultralytics.YOLO`` or ``RTDETR``, also of an exported file.
        truth: The images (``files``) and the classes.
        slice_size: Side of a slice in pixels. An image that is not larger is one slice.
        overlap: Share of a slice that the next one covers again, from 0 to below 1.
        whole_image: Add the boxes of the whole image, for objects that no slice holds.
        drop_cut: Leave out boxes that end at an inner border of their slice. With ``overlap=0`` nothing is left out,
            because no other slice has the object.
        merge: Suppression by intersection over union, or (``nms_ios``) over the smaller of two boxes.
        merge_iou: Overlap from which the lower of two boxes is dropped when slices are merged.
        class_agnostic: Merge boxes of different classes too.
        imgsz: Input size of the network for a slice and for the whole image; by default ``slice_size``.
        conf: Lowest score kept.
        iou: As in Ultralytics, within one slice.
        max_det: Most detections kept in a slice, and in an image after the merge.
        batch: Slices of one image that go through the network at once.
        device: As in Ultralytics: ``"cpu"``, ``0``.
        half: Half precision, on a GPU.
        multi_label: See :func:`yolo_fine.evaluation.predict.whole.predict_whole`.
        allow_missing: Accept classes of the ground truth that the model doesn't know.
        progress: Called with the numbers of finished and of all images.

    Returns:
        Boxes, and times an image: ``slicing preprocess inference postprocess merge total``.

    Raises:
        ArgumentError: SAHI is not installed, an argument is out of range, or the model has no upright boxes.
        DataError: The class lists don't match, or an image is missing, unreadable or not of the annotated size.
    """
    imgsz = imgsz or slice_size
    check_arguments(model, conf=conf, iou=iou, slice_size=slice_size, imgsz=imgsz, max_det=max_det, batch=batch)
    slicer = Slicer(
        slice_size, overlap=overlap, whole_image=whole_image, drop_cut=drop_cut, merge=merge, merge_iou=merge_iou,
        class_agnostic=class_agnostic, max_det=max_det, batch=batch,
    )  # fmt: skip
    check_bands(model, truth)
    categories = match_classes(model.names, truth.classes, allow_missing=allow_missing)
    options = predict_options(
        model, categories, imgsz=imgsz, conf=conf, iou=iou, max_det=max_det, device=device, half=half,
        multi_label=multi_label, rect=True,
    )  # fmt: skip
    forget_predictor(model)

    collected, counts = Collector(truth), []
    for (image,) in batches_of_one_size(truth, 1):
        times = {"slicing": 0.0, "preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}

        def detect(images: list[Array], times: dict[str, float] = times) -> list[Array]:
            results = model.predict(images, batch=len(images), **options)
            for result in results:
                counts.append(len(result.boxes))
                for stage, milliseconds in result.speed.items():
                    times[stage] += milliseconds
            return [rows_of(result, categories) for result in results]

        rows, own = slicer.run(read_image(truth, image), detect)
        collected.add(image, rows, {**times, **own})
        if progress is not None:
            progress(len(collected.boxes), len(truth.names))
    notes = notes_on(model, categories, counts, max_det)
    return Predictions(collected.detections(), collected.speed(warm_up=1), notes, tuple(counts))
