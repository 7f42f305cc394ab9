# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small inputs for every command, made once: a drawn set, a VisDrone download, a COCO one, weights, detections."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_fine.formats.objects import GroundTruth

YAML = "yolo11n-ema.yaml"


def make_inputs(folder: Path) -> Path:
    """Fill a folder with ``set/``, ``visdrone/``, ``coco/``, ``best.pt``, ``truth.json`` and ``found.json``."""
    from yolo_fine.formats.yolo_labels import read_split
    from yolo_fine.integration.checkpoints import checkpoint_of
    from yolo_fine.integration.transfer.seed import build_model
    from yolo_fine.smallobjects.dataset import make_dataset

    samples = make_dataset(folder / "set", train=6, val=4, size=64)
    for split in ("train", "val"):
        place = folder / "visdrone" / f"VisDrone2019-DET-{split}"
        shutil.copytree(folder / "set" / "images" / split, place / "images")
        shutil.copytree(folder / "set" / "annotations" / split, place / "annotations")
    truth = read_split(str(samples.yaml), "val")
    coco = to_coco(truth)
    (folder / "truth.json").write_text(json.dumps(coco))
    found = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.5 + n % 7 / 16}
        for n, a in enumerate(coco["annotations"])
    ]
    (folder / "found.json").write_text(json.dumps(found))
    shutil.copytree(folder / "set" / "images" / "val", folder / "coco" / "val2017")
    (folder / "coco" / "annotations").mkdir()
    (folder / "coco" / "annotations" / "instances_val2017.json").write_text(json.dumps(coco))
    (folder / "best.pt").write_bytes(checkpoint_of(build_model("yolo11n.yaml")))
    return folder


def to_coco(truth: GroundTruth) -> dict[str, list[dict[str, Any]]]:
    """The annotations of a split, as COCO has them."""
    images = [
        {"id": number, "file_name": f"{name}.jpg", "width": int(width), "height": int(height)}
        for number, (name, (width, height)) in enumerate(zip(truth.names, truth.sizes, strict=True), 1)
    ]
    columns = zip(truth.image.tolist(), truth.category.tolist(), truth.boxes.tolist(), truth.area.tolist(), strict=True)
    annotations = [
        {"id": n, "image_id": image + 1, "category_id": category, "bbox": box, "area": area, "iscrowd": 0}
        for n, (image, category, box, area) in enumerate(columns, 1)
    ]
    categories = [{"id": number, "name": name} for number, name in truth.classes.items()]
    return {"images": images, "annotations": annotations, "categories": categories}
