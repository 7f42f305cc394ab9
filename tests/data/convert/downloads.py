# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small downloads as VisDrone and COCO distribute theirs, with everything that real files have been seen to contain."""

from __future__ import annotations

import json
import zipfile

import cv2
import numpy as np

SIZES = ((96, 54), (68, 38), (97, 61))


def draw(file, width, height, seed):
    """An image with coarse structure, so that no two look alike."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(file), cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC))


def visdrone_split(folder, images=3, seed=0):
    """An official split folder. Returns the annotation texts by name."""
    random = np.random.default_rng(seed)
    texts = {}
    (folder / "annotations").mkdir(parents=True)
    for index in range(images):
        name = f"{seed:07d}_{index:05d}_d_{index:07d}"
        width, height = SIZES[index % len(SIZES)]
        draw(folder / "images" / f"{name}.jpg", width, height, 100 * seed + index)
        lines = ["3,4,20,9,0,0,0,0", "1,2,5,6,0,11,0,0", "7,8,0,3,1,4,0,1", f"{width - 4},1,9,7,1,10,0,0,"]
        for _ in range(5):
            x, y, w, h = random.integers(1, 30, 4)
            lines.append(f"{x},{y},{w},{h},1,{random.integers(1, 11)},{random.integers(0, 2)},{random.integers(0, 3)}")
        texts[name] = "\r\n".join(lines) + "\r\n"
        (folder / "annotations" / f"{name}.txt").write_bytes(texts[name].encode())
    return texts


def pack(folder, archive, top=""):
    """A zip archive of a folder's files, below ``top``, with what macOS adds."""
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                packed.write(file, f"{top}{file.relative_to(folder).as_posix()}")
        packed.writestr(f"__MACOSX/{top}images/._junk.jpg", b"junk")


def coco_split(source, name, images=3, seed=0, folder=None):
    """An instances file and its images; category numbers have gaps, as COCO's do. Returns the file's content."""
    random = np.random.default_rng(seed)
    entries, annotations = [], []
    for index in range(images):
        width, height = SIZES[index % len(SIZES)]
        file = f"{seed:06d}{index:06d}.jpg"
        draw((folder or source / name) / file, width, height, 100 * seed + index)
        entries.append({"id": 1000 * seed + index, "file_name": file, "width": width, "height": height})
        for _ in range(4 if index else 0):  # the first image has no objects
            x, y, w, h = (round(float(value), 2) for value in random.uniform(0.5, 30, 4))
            annotations.append({"image_id": 1000 * seed + index, "category_id": int(random.choice([1, 13, 90]))})
            annotations[-1] |= {"bbox": [x, y, w, h], "area": w * h / 2, "iscrowd": 0}
    last = annotations[-1]
    annotations.append({**last, "iscrowd": 1})
    annotations.append({**last, "bbox": [1, 1, 0, 5]})
    annotations.append(dict(last))
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}]
    content = {"images": entries, "annotations": annotations, "categories": categories}
    file = source / "annotations" / f"instances_{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return content
