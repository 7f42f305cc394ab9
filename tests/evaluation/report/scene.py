# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hand-made detections with one mistake of every kind in each image, under names that would break a careless page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.metrics import DetectorMetrics, SizeBin
from yolo_fine.evaluation.result import Evaluation
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.evaluation.visdrone.score import evaluate_visdrone
from yolo_fine.formats.objects import Detections, GroundTruth

CLASSES = {1: 'car & "van"', 2: "<script>document.title='broken'</script>", 3: "bus'><img src=x onerror=alert(1)>"}
BINS = [SizeBin(0, None, None, None, "small", 0, 32), SizeBin(0, None, None, None, "large", 32, None)]
SIZE = (640, 480)

# left, top, width, height, category: as annotated in every image. 0 is an ignored region, 11 "others".
OBJECTS = [
    (40, 40, 20, 20, 1),  # found
    (100, 40, 24, 20, 1),  # found twice
    (160, 40, 20, 20, 2),  # missed
    (220, 40, 60, 60, 3),  # detected as 1
    (320, 40, 40, 40, 2),  # badly located
    (400, 40, 30, 30, 1),  # found, but only below the confidence
    (460, 40, 20, 26, 2),  # found
    (40, 300, 120, 100, 0),
    (300, 300, 60, 60, 11),
]
# left, top, width, height, category, score
BOXES = [
    (40, 40, 20, 20, 1, 0.62),
    (101, 40, 24, 20, 1, 0.60),
    (460, 40, 20, 26, 2, 0.50),
    (98, 40, 24, 20, 1, 0.55),  # duplicate
    (220, 42, 60, 60, 1, 0.80),  # wrong class
    (335, 55, 40, 40, 2, 0.70),  # badly located: IoU 0.24
    (500, 200, 40, 40, 3, 0.65),  # false positive
    (400, 41, 30, 30, 1, 0.05),
    *[(20 + 40 * place, 430, 20, 20, 3, 0.06) for place in range(6)],  # of little confidence: F1 is best above
    (60, 320, 30, 30, 1, 0.95),  # in the ignored region
    (300, 300, 60, 60, 1, 0.95),  # on "others"
]
UNJUDGED = [box[:4] for box in BOXES[-2:]]


def make_truth(names: list[str], files: list[Path] | None = None) -> GroundTruth:
    rows = np.array(OBJECTS * len(names), dtype=np.float64)
    return GroundTruth(
        names=tuple(names),
        sizes=np.array([SIZE] * len(names)),
        classes=dict(CLASSES),
        image=np.repeat(np.arange(len(names)), len(OBJECTS)),
        boxes=rows[:, :4],
        category=rows[:, 4].astype(np.int64),
        area=rows[:, 2] * rows[:, 3],
        crowd=np.zeros(len(rows), dtype=bool),
        files=None if files is None else tuple(files),
    )


def make_detections(images: int) -> Detections:
    """Scores fall a little from image to image, so that there is one order by badness."""
    rows = np.array(BOXES * images, dtype=np.float64)
    image = np.repeat(np.arange(images), len(BOXES))
    return Detections(image, rows[:, :4], rows[:, 4].astype(np.int64), rows[:, 5] - 0.001 * image)


def make_images(folder: Path, count: int, noise: bool = False) -> list[Path]:
    import cv2

    files = []
    generator = np.random.default_rng(0)
    for index in range(count):
        image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        if noise:
            image = generator.integers(0, 256, image.shape, dtype=np.uint8)
        for left, top, width, height, category in OBJECTS:
            cv2.rectangle(image, (left, top), (left + width, top + height), (40, 20 * category, 200), -1)
        files.append(folder / f"{index}.png")
        cv2.imwrite(str(files[-1]), image)
    return files


def difference(value: float, low: float, high: float, better: float) -> dict[str, object]:
    limits = {"difference": value, "low": low, "high": high}
    return {**limits, "probability_positive": better, "beyond_noise": low > 0 or high < 0, "reason": None}


def make_evaluation(truth: GroundTruth, detections: Detections, sizes: str = "coco") -> Evaluation:
    """Measured metrics, intervals and a comparison made up around them, and `whole` from the confident half."""
    coco, visdrone = evaluate_coco(truth, detections, parse_sizes(sizes)), evaluate_visdrone(truth, detections)
    evaluation = Evaluation(coco.metrics, visdrone.metrics, coco.sizes, coco.per_class, {"total": 12.5})
    evaluation.curves, evaluation.confusion, evaluation.errors = coco.curves, coco.confusion, coco.errors
    confident = detections.score > 0.5
    columns = (detections.image, detections.boxes, detections.category, detections.score)
    whole = evaluate_coco(truth, Detections(*(column[confident] for column in columns)), parse_sizes(sizes))
    evaluation.whole = DetectorMetrics(whole.metrics, None, whole.sizes, whole.per_class, {"total": 3.5})
    evaluation.intervals = {
        "confidence": 0.95,
        "resamples": 1000,
        "seed": 0,
        "groups": len(truth.names),
        "effective_groups": float(len(truth.names)),
        "reasons": {"coco": {"AP_large": "no such object"}},
        "coco": {k: None if v is None else [0.9 * v, 1.1 * v] for k, v in coco.metrics.items()},
        "visdrone": {k: [v - 1, v + 1] for k, v in visdrone.metrics.items() if isinstance(v, float)},
    }
    nothing = {"difference": None, "low": None, "high": None, "probability_positive": None, "beyond_noise": None}
    evaluation.comparison = {
        "with": "runs/<b>other</b>/eval.json",
        "confidence": 0.95,
        "coco": {
            "AP": difference(0.02, 0.01, 0.03, 0.99),
            "AP50": difference(0.01, -0.01, 0.03, 0.8),
            "AP_large": {**nothing, "reason": "no such object"},
        },
        "words": ["COCO AP rose by 2.00 points (95% interval of the difference +1.00 to +3.00): beyond noise"],
    }
    gain = coco.metrics["AP"] - whole.metrics["AP"]
    evaluation.slicing = {"coco": {"AP": difference(gain, gain - 0.01, gain + 0.01, 0.9)}, "words": []}
    evaluation.manifest = {
        "model": {"file": "runs/<i>best.pt", "sha256": "0" * 64},
        "data": {"images": len(truth.names), "objects": 7 * len(truth.names), "classes": list(CLASSES.values())},
        "max_det": 500,
        "arguments": {"detections": None, "note": "</pre><script>document.title='broken'</script>"},
    }
    return evaluation
