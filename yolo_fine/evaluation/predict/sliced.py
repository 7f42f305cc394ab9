# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model's boxes on overlapping slices of each image, merged.

The method: Akyon et al., "Slicing Aided Hyper Inference and Fine-tuning for Small Object Detection", ICIP 2022.

SAHI lays out the slices and merges the boxes; in between, Ultralytics predicts the slices of an image in batches.
SAHI's own loop around a model builds Python objects for every box, which at conf=0.001 takes longer than the network.

* Merging is non-maximum suppression. SAHI's other merges join the boxes that overlap; at the low ``conf`` of an
  evaluation they grow boxes over whole groups, and SAHI itself falls back to suppression there.
* A box that ends at an inner border of its slice is of a part of an object. ``drop_cut`` leaves such boxes out before
  the merge: an object smaller than the overlap is whole in another slice, a larger one is left to the whole image.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.classes import match_classes
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
from yolo_fine.utils.hints import did_you_mean

if TYPE_CHECKING:
    from ultralytics import YOLO

OVERLAP_METRICS = {"nms": "IOU", "nms_ios": "IOS"}  # SAHI's names: over the union, over the smaller box
CUT_MARGIN = 2.0  # pixels from a slice's inner border at which a box counts as cut by it


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
    lay_out, suppress = _sahi(class_agnostic)
    imgsz = imgsz or slice_size
    check_arguments(model, conf=conf, iou=iou, slice_size=slice_size, imgsz=imgsz, max_det=max_det, batch=batch)
    if not 0 <= overlap < 1:
        raise ArgumentError(f"overlap={overlap}: expected a share of the slice, from 0 to below 1")
    if not 0 < merge_iou <= 1:
        raise ArgumentError(f"merge_iou={merge_iou}: expected a number above 0, up to 1")
    if merge not in OVERLAP_METRICS:
        raise ArgumentError(
            f"merge={merge} is none of {', '.join(OVERLAP_METRICS)}{did_you_mean(merge, OVERLAP_METRICS)}"
        )
    categories = match_classes(model.names, truth.classes, allow_missing=allow_missing)
    options = predict_options(
        model, categories, imgsz=imgsz, conf=conf, iou=iou, max_det=max_det, device=device, half=half,
        multi_label=multi_label, rect=True,
    )  # fmt: skip
    forget_predictor(model)

    collected, counts = Collector(truth), []
    for (image,) in batches_of_one_size(truth, 1):
        pixels = read_image(truth, image)
        started = perf_counter()
        height, width = pixels.shape[:2]
        places = np.array(lay_out(height, width, slice_size, slice_size, False, overlap, overlap))
        slices = [np.ascontiguousarray(pixels[top:bottom, left:right]) for left, top, right, bottom in places]
        times = {"slicing": 1e3 * (perf_counter() - started), "preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}

        found = []
        for start in range(0, len(slices), batch):
            some = slices[start : start + batch]
            results = model.predict(some, batch=len(some), **options)
            for place, result in zip(places[start : start + batch], results, strict=True):
                counts.append(len(result.boxes))
                _add_times(times, result.speed)
                rows = rows_of(result, categories)
                rows[:, :4] += [place[0], place[1], place[0], place[1]]
                found.append(rows[~cut(rows, place, width, height)] if drop_cut and overlap > 0 else rows)
        if whole_image and len(slices) > 1:
            (result,) = model.predict([pixels], batch=1, **options)
            counts.append(len(result.boxes))
            _add_times(times, result.speed)
            found.append(rows_of(result, categories))

        started = perf_counter()
        rows = np.concatenate(found)
        if len(slices) > 1:
            rows = rows[suppress(rows, OVERLAP_METRICS[merge], merge_iou)]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")][:max_det]
        collected.add(image, rows, {**times, "merge": 1e3 * (perf_counter() - started)})
        if progress is not None:
            progress(len(collected.boxes), len(truth.names))
    notes = notes_on(model, categories, counts, max_det)
    return Predictions(collected.detections(), collected.speed(warm_up=1), notes, tuple(counts))


def cut(rows: Array, place: Array, width: int, height: int) -> Array:
    """Which boxes end at a border of their slice that is not a border of the image.

    Args:
        rows: Boxes in the image: left, top, right, bottom, ...; shape (n, 4 or more).
        place: The slice in the image: left, top, right, bottom.
        width: Of the image.
        height: Of the image.

    Returns:
        Shape (n,), bool.
    """
    inner = np.array(place) != [0, 0, width, height]
    is_cut: Array = np.any(inner & (np.abs(rows[:, :4] - place) < CUT_MARGIN), axis=1)
    return is_cut


def _add_times(times: dict[str, float], speed: dict[str, float]) -> None:
    for stage, milliseconds in speed.items():
        times[stage] += milliseconds


def _sahi(class_agnostic: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """SAHI's layout of slices and its suppression on arrays, which takes rows of x1, y1, x2, y2, score, category.

    Raises:
        ArgumentError: It is not installed, or too old.
    """
    try:
        from sahi.postprocess.combine import batched_nms, nms
        from sahi.slicing import get_slice_bboxes
    except ImportError as error:
        raise ArgumentError(
            f"sliced prediction needs SAHI 0.12.8 or newer ({error}): pip install 'yolo-fine[sliced]'"
        ) from error
    return get_slice_bboxes, nms if class_agnostic else batched_nms
