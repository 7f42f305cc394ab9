# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the objects of COCO's ``instances_*.json`` become: YOLO labels, and counts of what became none."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.coco_instances import CocoGroundTruth
from yolo_fine.formats.yolo_labels import clip_far_boxes, label_text


def make_labels(truth: CocoGroundTruth, place: str) -> tuple[dict[PurePosixPath, str], dict[str, int]]:
    """Make the labels that ``ultralytics.data.converter.convert_coco`` makes.

    Crowds, boxes without area and repeated rows are left out; centre and size are shares of the image with six
    significant digits. Boxes are cut to the image only where Ultralytics would leave out the image because of them.

    Args:
        truth: The objects.
        place: What messages call their file.

    Returns:
        The content of the label file, maybe none, of each image file, in the order of the images' ids; and counts:
        ``labels`` are their lines, ``crowd``, ``zero_size`` and ``repeated`` what was left out, ``cut`` boxes far
        beyond the edge that were cut to the image, or left out if nothing of them is in it.

    Raises:
        DataError: An image lies outside of the image folder.
    """
    files = [PurePosixPath(name.replace("\\", "/")) for name in truth.file_names]
    for file in files:
        if file.is_absolute() or ".." in file.parts or file.parts[0].endswith(":"):
            raise DataError(f"{place}: 'file_name' {file} lies outside of the image folder")
    if all(file.parts[0] == "images" and len(file.parts) > 1 for file in files):  # Label Studio counts from its folder
        files = [file.relative_to("images") for file in files]
    has_area = (truth.boxes[:, 2:] > 0).all(axis=1)
    usable = np.flatnonzero(has_area & ~truth.crowd)
    image, boxes, sizes = truth.image[usable], truth.boxes[usable], truth.sizes[truth.image[usable]]
    category = np.searchsorted(sorted(truth.classes), truth.category[usable])
    centre, side = (boxes[:, :2] + boxes[:, 2:] / 2) / sizes, boxes[:, 2:] / sizes
    shares, cut = clip_far_boxes(np.concatenate([centre, side], axis=1))
    rows = np.column_stack([image, category, shares])
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, axis=0, return_index=True)[1]] = True
    kept = first & (shares[:, 2:] > 0).all(axis=1)
    image, category, shares = image[kept], category[kept], shares[kept]
    ends = np.searchsorted(image, np.arange(len(files) + 1))
    texts = {
        file: label_text(category[start:end].tolist(), shares[start:end], "g")
        for file, start, end in zip(files, ends[:-1], ends[1:], strict=True)
    }
    return texts, {
        "labels": len(image),
        "crowd": int(truth.crowd.sum()),
        "zero_size": int((~has_area & ~truth.crowd).sum()),
        "repeated": int((~first).sum()),
        "cut": int(cut.sum()),
    }
