# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone's files: annotations in, detections in and out. One text file an image, of its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_rows import IGNORED_REGION, OTHERS, read_rows
from yolo_fine.formats.visdrone_sizes import check_sizes, find_images, image_sizes, listed_sizes
from yolo_fine.utils.hints import did_you_mean

NAMES = ("pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor")
CLASSES = dict(enumerate(NAMES, 1))
NO_DETECTION = "0,0,1,1,0,0,-1,-1\n"  # the official tool can't read an empty file; category 0 is not evaluated


def read_annotations(folder: Path, *, sizes_file: Path | None = None, images: Path | None = None) -> GroundTruth:
    """Read a folder of VisDrone annotations: rows ``left,top,width,height,score,category,truncation,occlusion``.

    The files are the list of images, in the order of their names; an empty one is an image without objects. Ignored
    regions (category 0) and others (11) stay in the columns. Score 0 makes an evaluated object one that can take any
    number of detections; scores other than 0 and 1 have no meaning there and are refused. Objects without width or
    height stay too: nothing matches them, and they count in recall, as in the official tool.

    Args:
        folder: The annotation files, ``NAME.txt``.
        sizes_file: Sizes of the images, lines ``name width height`` in pixels.
        images: Folder of the images. Their sizes are those of the stored pixels, whatever EXIF says of rotation.

    Raises:
        MissingFileError: A folder or ``sizes_file`` does not exist.
        DataError: A row, or an image's size, can't be used, or neither ``sizes_file`` nor ``images`` is given.
    """
    listed = _text_files(folder, "annotations")
    if not listed:
        raise DataError(f"{folder} has no annotation files (NAME.txt)")
    rows = read_rows(list(listed.values()))
    category, score = rows.column("category"), rows.column("score")
    rows.refuse((category < IGNORED_REGION) | (category > OTHERS), "category", "VisDrone has the categories 0 to 11")
    evaluated = (category != IGNORED_REGION) & (category != OTHERS)
    rows.refuse(evaluated & (score != 0) & (score != 1), "score", "an annotation has 1, or 0 for one that is ignored")
    for name in ("left", "top", "width", "height"):
        value = rows.column(name)
        broken = (category == IGNORED_REGION) & (value != np.floor(value))
        rows.refuse(broken, name, "an ignored region has whole numbers")

    names = tuple(listed)
    files = find_images(images, names) if images is not None else None
    if sizes_file is not None:
        sizes = listed_sizes(sizes_file, names)
        if files is not None:
            check_sizes(sizes, files, sizes_file)
    elif files is not None:
        sizes = image_sizes(files)
    else:
        raise DataError(f"{folder}: the sizes of the images are needed: name their folder, or a file of sizes")
    return GroundTruth(
        names=names,
        sizes=sizes,
        classes=dict(CLASSES),
        image=rows.image,
        boxes=rows.boxes,
        category=category.astype(np.int64),
        area=rows.boxes[:, 2] * rows.boxes[:, 3],
        crowd=evaluated & (score == 0),
        files=files,
    )


def read_detections(folder: Path, truth: GroundTruth) -> Detections:
    """Read a folder of VisDrone results, one file for each image of ``truth``, rows as in annotations.

    Rows stay in the order of the file. An empty file is an image without detections (the official tool fails there).
    Boxes may reach outside the image, and any category is taken: those that are not evaluated take places under the
    limits on detections, as in the official tool.

    Raises:
        MissingFileError: The folder does not exist.
        DataError: An image has no file, a file has no image, or a row can't be used.
    """
    found = _text_files(folder, "detections")
    known = set(truth.names)
    missing = [name for name in truth.names if name not in found]
    extra = [name for name in found if name not in known]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(truth.names)} images have no result file, the first is "
            f"{missing[0]}.txt{did_you_mean(missing[0], extra)}; an empty file says that nothing was detected"
        )
    if extra:
        raise DataError(
            f"{folder}: {len(extra)} result files belong to no image, the first is {extra[0]}.txt"
            f"{did_you_mean(extra[0], truth.names)}"
        )
    rows = read_rows([found[name] for name in truth.names])
    return Detections(
        image=rows.image,
        boxes=rows.boxes,
        category=rows.column("category").astype(np.int64),
        score=rows.column("score"),
    )


def write_detections(folder: Path, truth: GroundTruth, detections: Detections) -> None:
    """Write a folder of VisDrone results: one file for each image, rows by falling score (ties as they come).

    Numbers are written so that reading gives them back exactly. An image without detections gets one row of score and
    category 0, which no metric sees, because the official tool fails on an empty file. The folder appears whole or not
    at all.

    Raises:
        ArgumentError: The folder exists and is not empty, or can't be written.
    """
    temporary = folder.absolute().with_name(f".{folder.name}.{os.getpid()}")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ArgumentError(f"{folder} exists already; name a new or an empty folder for the detections")
        temporary.mkdir(parents=True)
        for index, name in enumerate(truth.names):
            text = _result_text(detections, *np.searchsorted(detections.image, [index, index + 1]))
            (temporary / f"{name}.txt").write_text(text, encoding="ascii")
        temporary.replace(folder)
    except OSError as error:
        raise ArgumentError(f"{folder} can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _result_text(detections: Detections, start: int, end: int) -> str:
    """The result file of the detections from ``start`` to ``end``."""
    order = start + np.argsort(-detections.score[start:end], kind="stable")
    columns = (detections.boxes[order], detections.score[order], detections.category[order])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    text = "".join(f"{x},{y},{w},{h},{score},{category},-1,-1\n" for (x, y, w, h), score, category in rows)
    return text or NO_DETECTION


def _text_files(folder: Path, what: str) -> dict[str, Path]:
    """The text files of a folder by name without suffix, in the order of their file names.

    Raises:
        MissingFileError: There is no such folder.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{what}: {folder} is no folder")
    files = sorted((file for file in folder.iterdir() if file.suffix == ".txt"), key=lambda file: file.name)
    return {file.stem: file for file in files}
