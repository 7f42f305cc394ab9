# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine predict slice=640``: sliced prediction on images, folders and video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.predict.detector import open_detector
from yolo_fine.evaluation.predict.slices import Slicer
from yolo_fine.integration.commands import check_arguments
from yolo_fine.integration.prediction import forget_predictor, trained_size
from yolo_fine.integration.sliced_predictor import Predicted, predict_source
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import progress
from yolo_fine.utils.constraints import Constraint
from yolo_fine.utils.files import check_target
from yolo_fine.utils.paths import ModelSource, StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row
from yolo_fine.utils.undoing import check_room, check_whole, undone_if_unwritable

Side = Annotated[int, Constraint("32 or more", lambda value: value >= 32)]
Count = Annotated[int, Constraint("1 or more", lambda value: value >= 1)]
Confidence = Annotated[float, Constraint("from 0 to 1", lambda value: 0 <= value <= 1)]
Overlap = Annotated[float, Constraint("from 0 to below 0.9", lambda value: 0 <= value < 0.9)]
OWN = ("stream", "predictor", "mode", "task", "embed", "visualize", "augment", "verbose")  # no options of this function
STAGES = ("preprocess", "inference", "postprocess")


@dataclass(frozen=True)
class FoundBoxes:
    """The boxes of one image, or of one frame of a video.

    Attributes:
        file: The image or video.
        frame: Number of the frame, from 1; None for an image.
        size: Width and height in pixels.
        boxes: Left, top, right, bottom in pixels, score, class; shape (n, 6), float64, by falling score.
    """

    file: str
    frame: int | None
    size: tuple[int, int]
    boxes: Array


@dataclass(frozen=True, repr=False)
class FoundFiles(Result):
    """What was found in all images.

    Attributes:
        images: Of each image or frame, in order.
        names: Class number -> name.
        speed: Milliseconds an image by stage, and ``total``, without reading and writing; the first image, which warms
            up, is left out where there are more.
        folder: Where Ultralytics' files are; None if none were asked for.
        notes: What to know about the boxes.
    """

    images: list[FoundBoxes]
    names: dict[int, str]
    speed: dict[str, float] = field(default_factory=dict)
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Boxes in the form of Ultralytics' ``Results.summary()``, by image."""
        return {
            "images": [
                {"file": one.file, "frame": one.frame, "width": one.size[0], "height": one.size[1],
                 "boxes": [self._box(row) for row in one.boxes.tolist()]}
                for one in self.images
            ],
            "speed": self.speed,
            "folder": None if self.folder is None else str(self.folder),
            "notes": list(self.notes),
        }  # fmt: skip

    def _box(self, row: list[float]) -> dict[str, Any]:
        corners = {key: round(value, 2) for key, value in zip(("x1", "y1", "x2", "y2"), row, strict=False)}
        return {"name": self.names[int(row[5])], "class": int(row[5]), "confidence": round(row[4], 5), "box": corners}

    def table(self) -> Sequence[Row]:
        """A row an image or frame."""
        return [
            {"file": one.file, "frame": one.frame, "boxes": len(one.boxes), **self._by_class(one)}
            for one in self.images
        ]

    def _by_class(self, one: FoundBoxes) -> dict[str, int]:
        counts = Counter(one.boxes[:, 5].astype(int).tolist())
        return {name: counts[number] for number, name in self.names.items()}

    def summary(self) -> str:
        """How many boxes of which classes were found, how long that took, and where the files are."""
        counts = Counter(number for one in self.images for number in one.boxes[:, 5].astype(int).tolist())
        classes = ", ".join(f"{self.names[number]} {count:,}" for number, count in counts.most_common(10))
        frames = sum(one.frame is not None for one in self.images)
        what = f"{len(self.images):,} {'frames' if frames == len(self.images) else 'images'}"
        lines = [f"{what}, {sum(counts.values()):,} boxes{f': {classes}' if classes else ''}"]
        if self.speed:
            lines.append(f"{self.speed['total'] / 1e3:.2f} s an image, without reading and writing")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, *([f"written: {self.folder}"] if self.folder else [])])


@public
def predict(
    model: ModelSource,
    source: StrPath,
    *,
    slice: Side | None = None,
    overlap: Overlap = 0.2,
    full_pass: bool = True,
    imgsz: Side | None = None,
    conf: Confidence = 0.25,
    iou: Confidence = 0.7,
    max_det: Count = 300,
    batch: Count = 1,
    device: str | int | None = None,
    half: bool = False,
    save: bool = False,
    save_txt: bool = False,
    save_conf: bool = False,
    json: StrPath | None = None,
    **options: Any,
) -> FoundFiles:
    """Detect objects in overlapping slices of images, folders of images or video, merged as in ``eval slice=``.

    Files are read and written by Ultralytics' own predictor, so they are those of ``yolo predict``: annotated images
    and videos, label files, crops. Any further argument of ``yolo predict`` is passed on: ``project``, ``name``,
    ``classes``, ``vid_stride``, ``save_crop``, ``line_width``, ... Without ``slice`` the command is ``yolo predict``;
    in Python, images are then predicted whole.

    Args:
        model: Checkpoint, exported model, or a loaded ``YOLO``; detect, segment or pose. Slices give boxes alone.
        source: Image, video, folder, pattern, text file with a path a line, or stream, as Ultralytics takes it.
        slice: Side of a slice in pixels.
        overlap: Share of a slice that the next one covers again.
        full_pass: Merge the boxes of the whole image in, for objects that no slice holds.
        imgsz: Input size of the model for a slice and for the whole image; by default that of the slice.
        conf: Least confidence of a box.
        iou: Threshold of the model's non-maximum suppression.
        max_det: Most boxes of a slice, and of an image.
        batch: Slices predicted at a time.
        device: As Ultralytics takes it: ``cpu``, ``0``.
        half: Predict in half precision.
        save: Write annotated images and videos; the command does so unless it is told ``save=False``.
        save_txt: Write a label file an image.
        save_conf: Write the confidence into label files too.
        json: Write the boxes of all images to this file.
        options: Any further argument of ``yolo predict``.

    Returns:
        The boxes of each image or frame, and where the files are.

    Raises:
        ArgumentError: An argument can't be used, or SAHI is not installed.
        UnwritableError: Files can't be written; those that were written are removed again.
        MissingFileError: The model or the source is not there.
        CheckpointError: The model file is damaged.
    """
    if taken := [key for key in options if key in OWN]:
        raise ArgumentError(f"{taken[0]}= is no argument of sliced prediction; leave it out")
    check_arguments(options, "predict")
    detector = open_detector(model)
    asked: dict[str, Any] = {
        "imgsz": imgsz or slice or trained_size(detector), "conf": conf, "iou": iou, "max_det": max_det,
        "device": device, "save": save, "save_txt": save_txt, "save_conf": save_conf, "verbose": False, **options,
    }  # fmt: skip
    if half:
        asked["half"] = True  # newer releases warn at the word alone
    on_slices = None
    if slice is not None:
        slicer = Slicer(
            slice, overlap=overlap, whole_image=full_pass, max_det=max_det, batch=batch,
            class_agnostic=bool(options.get("agnostic_nms")),
        )  # fmt: skip

        def on_slices(pixels: Array, detect: Any) -> Array:
            return slicer.run(pixels, detect)[0]

    if json is not None:
        check_target("json", Path(json))
    writes = bool(save or save_txt or options.get("save_crop") or options.get("save_frames"))
    forget_predictor(detector)
    try:
        folder, predicted = predict_source(detector, str(source), on_slices, asked)
        with undone_if_unwritable(folder), progress("predicting") as tell:
            found = []
            for one in predicted:
                if one.saved is not None:
                    check_whole(one.saved)
                elif writes and folder.exists():
                    check_room(folder)
                found.append(_collect(one))
                tell(one.frame or len(found), one.total or len(found), Path(one.file).name)
            result = _result(found, detector, slice, max_det, folder if writes and found else None)
            if json is not None:
                result.to_json(json)
    finally:
        forget_predictor(detector)  # the next prediction with a loaded model is the user's own
    return result


def _collect(one: Predicted) -> tuple[FoundBoxes, dict[str, float]]:
    height, width = one.result.orig_shape
    return FoundBoxes(one.file, one.frame, (width, height), one.rows), dict(one.result.speed)


def _result(
    found: list[tuple[FoundBoxes, dict[str, float]]], detector: Any, size: int | None, max_det: int,
    folder: Path | None,
) -> FoundFiles:  # fmt: skip
    images = [one for one, _ in found]
    times = [speed for _, speed in found[1:] or found]
    speed = {stage: sum(time[stage] for time in times) / len(times) for stage in STAGES} if times else {}
    notes = []
    if size is not None and detector.task != "detect":
        notes.append(f"the model is for the task '{detector.task}'; slices give its boxes alone")
    if full := sum(len(one.boxes) >= max_det for one in images):
        notes.append(f"{full} of {len(images)} images have {max_det} boxes, the most that max_det allows")
    return FoundFiles(
        images=images,
        names={int(number): str(name) for number, name in detector.names.items()},
        speed={**speed, "total": sum(speed.values())} if speed else {},
        folder=folder,
        notes=tuple(notes),
    )
