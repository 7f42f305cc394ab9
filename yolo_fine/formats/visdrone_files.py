# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone's files: annotations in, detections in and out. One text file an image, of its name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.formats import visdrone_rows
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_rows import is_evaluated, parse_annotations, parse_rows, read_files
from yolo_fine.formats.visdrone_sizes import check_sizes, find_images, image_sizes, listed_sizes
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.hints import did_you_mean

NAMES = visdrone_rows.NAMES[1:11]
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
    rows = parse_annotations(read_files(listed.values()), list(listed.values()))
    category, boxes = rows.category, rows.boxes
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
        boxes=boxes,
        category=category,
        area=boxes[:, 2] * boxes[:, 3],
        crowd=is_evaluated(category) & (rows.column("score") == 0),
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
    files = [found[name] for name in truth.names]
    rows = parse_rows(read_files(files), files)
    return Detections(rows.image, rows.boxes, rows.category, rows.column("score").copy())


def write_detections(folder: Path, truth: GroundTruth, detections: Detections) -> None:
    """Write a folder of VisDrone results: one file for each image, rows by falling score (ties as they come).

    Numbers are written so that reading gives them back exactly. An image without detections gets one row of score and
    category 0, which no metric sees, because the official tool fails on an empty file. The folder appears whole or not
    at all.

    Raises:
        ArgumentError: The folder exists and is not empty, or can't be written.
    """
    order = np.lexsort((-detections.score, detections.image))
    columns = (*detections.boxes[order].T, detections.score[order], detections.category[order])
    edges = np.searchsorted(detections.image, np.arange(len(truth.names) + 1)).tolist()
    with finished_folder(folder) as part:
        for name, start, stop in zip(truth.names, edges, edges[1:], strict=False):
            rows = zip(*(column[start:stop].tolist() for column in columns), strict=True)
            text = "".join([f"{x!r},{y!r},{w!r},{h!r},{s!r},{c},-1,-1\n" for x, y, w, h, s, c in rows])
            (part.path / f"{name}.txt").write_text(text or NO_DETECTION, encoding="ascii", newline="\n")


def _text_files(folder: Path, what: str) -> dict[str, Path]:
    """The text files of a folder by name without suffix, in the order of their names; hidden ones are left out.

    Raises:
        MissingFileError: There is no such folder.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{what}: {folder} is no folder")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".txt") and not name.startswith("."))
    return {name[:-4]: folder / name for name in names}
