# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine explain``: what a model and its blocks do on one image."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.explaining.activation import eigen_cam
from yolo_fine.explaining.page import write_page
from yolo_fine.explaining.placing import Placing
from yolo_fine.explaining.result import RECORD, Detected, Explanation, Shown
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.integration.observing import SeenBlock
from yolo_fine.layers.views import Bars, Heat, Points, View
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import iou as overlaps
from yolo_fine.utils.calls import public
from yolo_fine.utils.files import finished_file
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.paths import ModelSource, StrPath

if TYPE_CHECKING:
    from yolo_fine.explaining.looking import Look

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
PLACES = 3  # at which sampling points are drawn
SAME = 0.5  # IoU from which two models' boxes of one class are the same detection


@public
def explain(
    model: ModelSource,
    source: StrPath,
    *,
    compare: ModelSource | None = None,
    imgsz: int | None = None,
    conf: float = 0.25,
    iou: float = 0.7,
    max_det: int = 500,
    device: str | int | None = None,
    small: float = 32.0,
    out: StrPath | None = None,
    numbered: bool = False,
    json: StrPath | None = None,
) -> Explanation:
    """Show what a model and its blocks do on one image.

    Each block of this package is shown at its place by what it computes there: FINE's modulation, the gates of
    attentions, the weights of sums, the points or kernels that upsamplers read by; and by how much it changes the map
    that passes through it. Beside them stand the detections, with small objects marked, and the class activation
    (Eigen-CAM) of every map that the head reads. The model itself is run as ``YOLO.predict`` runs it.

    Args:
        model: A checkpoint, or a loaded ``YOLO``. Exported files can't be watched at work.
        source: One image.
        compare: Another model, whose detections are drawn beside; boxes that one of the two has alone are marked.
        imgsz: Longer side of the network's input, in pixels; None takes what the model was trained at.
        conf: Lowest score of a detection.
        iou: IoU at which non-maximum suppression takes two boxes for one.
        max_det: Most detections.
        device: As in Ultralytics: ``"cpu"``, ``0``.
        small: Objects are small up to this side, the square root of the area in pixels of the image.
        out: Folder for ``explain.html`` (one page that needs nothing else), ``explain.json`` and a PNG a picture;
            nothing is written without it.
        numbered: Leave an earlier folder alone, and use the first free one of ``out``, ``out2``, ``out3``, ...
        json: Write the content of ``explain.json`` to this file too.

    Returns:
        The detections and the numbers of the blocks; ``folder`` is where the pictures are.

    Raises:
        ArgumentError: An argument can't be used, or the model is an exported file, untrained, or for another task.
        DataError: The image can't be read.
        MissingFileError: A model is not there.
        CheckpointError: A model file is damaged.
    """
    from yolo_fine.explaining.looking import look

    for name, value in (("conf", conf), ("iou", iou)):
        if not 0 <= value <= 1:
            raise ArgumentError(f"{name}={value} must be from 0 to 1")
    if max_det < 1 or (imgsz is not None and imgsz < 32) or small <= 0:
        raise ArgumentError(f"max_det={max_det}, imgsz={imgsz}, small={small:g}: from 1, from 32, above 0")
    image = read_source(Path(source))
    options = {"imgsz": imgsz, "conf": conf, "iou": iou, "max_det": max_det, "device": device}
    looks = [look(one, image, **options) for one in (model, compare) if one is not None]
    size = (image.shape[1], image.shape[0])
    input_size = looks[0].seen.size
    result = Explanation(str(source), size, looks[0].imgsz, input_size, small, detections_of(looks, small), [])
    pictures: dict[str, Array] = {}
    _draw(result, looks, image, pictures, with_pictures=out is not None)
    if out is not None:
        with finished_folder(Path(out), replace=not numbered, numbered=numbered) as folder:
            for name, picture in pictures.items():
                write_png(folder.path / name, picture)
            write_page(folder.path, result, pictures)
            result.to_json(folder.path / RECORD)
        result.folder = folder.out
    if json is not None:
        result.to_json(json)
    return result


def read_source(file: Path) -> Array:
    """The one image that is looked at, BGR.

    Raises:
        ArgumentError: It is a folder.
        DataError: It is missing or no image.
    """
    if file.is_dir():
        inside = sorted(path for path in file.iterdir() if path.suffix.lower() in IMAGES)
        raise ArgumentError(f"source={file} is a folder; name one image" + (f", as {inside[0]}" if inside else ""))
    try:
        return read_pixels(file)
    except DataError as error:
        raise DataError(f"source={error}") from None


def detections_of(looks: list[Look], small: float) -> list[Detected]:
    """What each model found; with two, which boxes the other has not."""
    found = []
    for index, one in enumerate(looks):
        sides = np.sqrt(np.prod(one.boxes[:, 2:4] - one.boxes[:, :2], axis=1))
        other = looks[1 - index] if len(looks) == 2 else None
        alone = None if other is None else ~has_partner(one, other)
        boxes = [
            {
                "box": [round(float(side), 2) for side in row[:4]],
                "score": round(float(row[4]), 4),
                "class": one.names.get(int(row[5]), str(int(row[5]))),
                "small": bool(sides[number] <= small),
                **({} if alone is None else {"alone": bool(alone[number])}),
            }
            for number, row in enumerate(one.boxes)
        ]
        count = int((sides <= small).sum())
        found.append(Detected(one.model, boxes, count, None if alone is None else int(alone.sum())))
    return found


def has_partner(one: Look, other: Look) -> Array:
    """Whether each box of a model overlaps one of the other that has a class of the same name; shape (n,)."""
    mine, theirs = (np.column_stack([a[:, :2], a[:, 2:4] - a[:, :2]]) for a in (one.boxes, other.boxes))
    if not len(mine) or not len(theirs):
        return np.zeros(len(mine), dtype=bool)
    classes = [[look_.names.get(int(row[5])) for row in look_.boxes] for look_ in (one, other)]
    same = np.array([[a == b for b in classes[1]] for a in classes[0]])
    partner: Array = ((overlaps(mine, theirs) >= SAME) & same).any(axis=1)
    return partner


def _draw(
    result: Explanation, looks: list[Look], image: Array, pictures: dict[str, Array], with_pictures: bool
) -> None:
    """Fill the result, and the pictures by their file names."""
    from yolo_fine.explaining.drawing import draw_boxes, draw_heat
    from yolo_fine.explaining.looking import views_of

    first = looks[0]
    placing = Placing.of((image.shape[0], image.shape[1]), first.seen.size)
    places = focus(first.boxes, result.small_side, image)
    for number, one in enumerate(result.models):
        marks = [np.array([box.get(key, False) for box in one.boxes], dtype=bool) for key in ("small", "alone")]
        name = f"detections{number + 1 if number else ''}.png"
        if with_pictures:
            alone = marks[1] if one.alone is not None else None
            pictures[name] = draw_boxes(image, looks[number].boxes, marks[0], alone)
            result.models[number] = replace(one, picture=name)
    for number, features in enumerate(first.seen.head if with_pictures else []):
        name = f"activation_{number + 1}_of_{len(first.seen.head)}.png"
        pictures[name] = draw_heat(image, eigen_cam(features[0]), placing, (0.0, 1.0, None))
        result.activation.append(name)
    for block in first.seen.blocks:
        for view in views_of(block):
            shown, picture = show(block, view, image, placing, places)
            if with_pictures:
                name = f"{block.place.removeprefix('model.')}_{shown.block}_{re.sub('[^a-z0-9]+', '_', view.name)}.png"
                pictures[name], shown = picture, replace(shown, picture=name)
            result.blocks.append(shown)


def show(
    block: SeenBlock, view: View, image: Array, placing: Placing, places: list[tuple[float, float]]
) -> tuple[Shown, Array]:
    """A view in numbers, and as a picture."""
    from yolo_fine.explaining.drawing import draw_bars, draw_heat, draw_points
    from yolo_fine.explaining.looking import gain_of

    neutral: float | None = None
    if isinstance(view, Heat):
        grid = view.values[0].float().mean(0).cpu().numpy()
        numbers, neutral = placing.inside(grid), view.neutral
        of = f"{grid.shape[1]} x {grid.shape[0]} cells"
        low, high = (float(np.percentile(numbers, share)) for share in (1, 99))
        picture = draw_heat(image, grid, placing, (low, high, neutral))
    elif isinstance(view, Bars):
        numbers, neutral = view.values[0].float().cpu().numpy(), view.neutral
        of = f"{len(numbers)} {'maps' if view.labels else 'channels'}"
        picture = draw_bars(view)
    else:
        numbers = placing.inside(distances(view))
        of = f"{view.rows.shape[3]} x {view.rows.shape[2]} cells, how far they look in cells of the map they read"
        picture = draw_points(image, view, placing, places)
    shown = Shown(
        block.layer, block.place, type(block.module).__name__, view.name, of,
        float(numbers.min()), float(numbers.mean()), float(numbers.max()), neutral, gain_of(block.module),
    )  # fmt: skip
    return shown, picture


def distances(points: Points) -> Array:
    """How far each output cell looks aside, in cells of the map that it reads, in the weighted mean; (rH, rW)."""
    rows, columns, weights = (part[0].float().cpu().numpy() for part in (points.rows, points.columns, points.weights))
    centres = [
        (np.arange(count) + 0.5) * cells / count - 0.5
        for count, cells in zip(rows.shape[1:], points.cells, strict=True)
    ]
    aside: Array = np.hypot(rows - centres[0][:, None], columns - centres[1])
    return np.asarray((weights * aside).sum(0))


def focus(boxes: Array, small: float, image: Array) -> list[tuple[float, float]]:
    """Places (x, y) at which sampling points are drawn: the surest small detections, then any, else the middle."""
    sides = np.sqrt(np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1))
    order = [*np.flatnonzero(sides <= small), *np.flatnonzero(sides > small)][:PLACES]
    centres = [(float(row[0] + row[2]) / 2, float(row[1] + row[3]) / 2) for row in boxes[order]]
    return centres or [(image.shape[1] / 2, image.shape[0] / 2)]


def write_png(file: Path, picture: Array) -> None:
    """Write a picture, whole or not at all."""
    import cv2

    with finished_file(file) as part:
        part.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
