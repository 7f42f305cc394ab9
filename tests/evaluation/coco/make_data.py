# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes ``data/``: a small set of annotations and results, and what pycocotools says about them.

Run as ``python -m tests.evaluation.coco.make_data`` in the repository's folder. Recorded with pycocotools 2.0.11.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.evaluation.coco.cases import mean, pycocotools_arrays, random_case
from yolo_fine.evaluation.sizes import parse_sizes

DATA = Path(__file__).parent / "data"
LIMITS = [1, 10, 100, 500]


def main() -> None:
    truth, found = random_case(2026, images=10, classes=4, most=24)
    instances = {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 300, "height": 300} for i, name in enumerate(truth.names)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in sorted({**truth.classes, 99: "never found"}.items())
        ],
        "annotations": [
            {
                "id": i + 1,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": area,
                "iscrowd": int(crowd),
            }
            for i, (image, category, box, area, crowd) in enumerate(
                zip(
                    truth.image.tolist(),
                    truth.category.tolist(),
                    truth.boxes.tolist(),
                    truth.area.tolist(),
                    truth.crowd.tolist(),
                    strict=True,
                )
            )
        ],
    }
    results = [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(
            found.image.tolist(), found.category.tolist(), found.boxes.tolist(), found.score.tolist(), strict=True
        )
    ]
    classes = {**truth.classes, 99: "never found"}
    expected = {}
    for sizes in ("coco", "aitod", "8,16,32,96"):
        bins = parse_sizes(sizes)
        precision, recall = pycocotools_arrays(
            type(truth)(**{**vars(truth), "classes": dict(sorted(classes.items()))}), found, bins, LIMITS
        )
        for m, limit in enumerate(LIMITS):
            metrics = {"AP": mean(precision[:, :, :, 0, m]), "AP50": mean(precision[0, :, :, 0, m])}
            metrics |= {"AP75": mean(precision[5, :, :, 0, m]), f"AR{limit}": mean(recall[:, :, 0, m])}
            for a, one in enumerate(bins, start=1):
                metrics[f"AP_{one.name}"] = mean(precision[:, :, :, a, m])
                metrics[f"AP50_{one.name}"] = mean(precision[0, :, :, a, m])
                metrics[f"AR_{one.name}"] = mean(recall[:, :, a, m])
            expected[f"sizes={sizes} max_det={limit}"] = metrics
    DATA.mkdir(exist_ok=True)
    (DATA / "instances.json").write_text(json.dumps(instances) + "\n")
    (DATA / "results.json").write_text(json.dumps(results) + "\n")
    (DATA / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
