# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO metrics where each image counts as often as a weight says: what a bootstrap over images needs.

Detections are matched with objects within an image, whatever other images there are. So the engine's matches are
taken once, and only pooling them over images is done again. With every weight 1 the metrics are the engine's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolo_fine.evaluation.coco.score import IOU_50, IOU_75, CocoScore

RECALLS = np.linspace(0, 1, 101)
IMAGES = 100  # whose matches are taken from the engine at a time: they come as Python objects, which need memory
NUMBERS = 2**19  # worked on at a time: few enough for the processor's cache


@dataclass
class Matches:
    """The engine's matches for one class and one area range, in one image or in all.

    Attributes:
        objects: Image of each object that is to be found, shape (objects,).
        image: Image of each detection, shape (detections,).
        score: Its confidence, shape (detections,), falling.
        found: Whether it found such an object, shape (IoUs, detections).
        wrong: Whether it is a false alarm, shape (IoUs, detections). Neither: it does not count.
    """

    objects: np.ndarray
    image: np.ndarray
    score: np.ndarray
    found: np.ndarray
    wrong: np.ndarray


def weighted_metrics(score: CocoScore, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Headline metrics under each row of weights.

    Args:
        score: A detector's evaluation.
        weights: How often each image counts, whole numbers, shape (rows, images), float32.

    Returns:
        AP, AP50, AP75, and AP_<bin> and AR_<bin> of each size bin -> shape (rows,), NaN where undefined.
    """
    params = score.evaluator.params
    shape = (len(params.cat_ids), 1 + len(score.bins), len(params.iou_thrs), len(weights))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    for k, a, matches in read_matches(score):
        step = max(NUMBERS // (len(matches.image) + 1), 16)
        for start in range(0, len(weights), step):
            some = slice(start, start + step)
            precision[k, a, :, some], recall[k, a, :, some] = _pool(matches, weights[some])
    metrics = {
        "AP": _defined_mean(precision[:, 0]),
        "AP50": _defined_mean(precision[:, 0, IOU_50, None]),
        "AP75": _defined_mean(precision[:, 0, IOU_75, None]),
    }
    for a, bin_ in enumerate(score.bins, start=1):
        metrics |= {f"AP_{bin_.name}": _defined_mean(precision[:, a]), f"AR_{bin_.name}": _defined_mean(recall[:, a])}
    return metrics


def read_matches(score: CocoScore) -> Iterator[tuple[int, int, Matches]]:
    """Matches of all images by class and area, which are indices into the engine's arrays."""
    from hotcoco import COCOeval

    params = score.evaluator.params
    area_of = {tuple(limits): a for a, limits in enumerate(params.area_rng)}
    class_of = {number: k for k, number in enumerate(params.cat_ids)}
    cells: dict[tuple[int, int], list[Matches]] = {}
    for start in range(0, score.images, IMAGES):
        part = COCOeval(score.evaluator.coco_gt, score.evaluator.coco_dt, "bbox")
        part.params = params
        part.params.img_ids = list(range(start, min(start + IMAGES, score.images)))
        part.evaluate()
        for one in part.eval_imgs:  # a class, an area, an image
            if one is None:
                continue
            matches = _of_one_image(one)
            if len(matches.objects) or matches.wrong.any():  # most have nothing of that size
                cell = class_of[one["category_id"]], area_of[tuple(one["aRng"])]
                cells.setdefault(cell, []).append(matches)
    for (k, a), ones in cells.items():
        yield k, a, _together(ones)


def _of_one_image(one: dict[str, Any]) -> Matches:
    """An entry of the engine's ``eval_imgs``."""
    number, objects = one["image_id"], len(one["gtIgnore"]) - sum(one["gtIgnore"])
    matched, ignored = np.array(one["dtMatched"], dtype=bool), np.array(one["dtIgnore"], dtype=bool)
    return Matches(
        objects=np.full(objects, number),
        image=np.full(len(one["dtScores"]), number),
        score=np.array(one["dtScores"]),
        found=matched & ~ignored,
        wrong=~matched & ~ignored,
    )


def _together(ones: list[Matches]) -> Matches:
    """Matches of images in one, by falling score, and at equal scores by image, as pycocotools sorts."""
    score = np.concatenate([one.score for one in ones])
    order = np.argsort(-score, kind="stable")
    return Matches(
        objects=np.concatenate([one.objects for one in ones]),
        image=np.concatenate([one.image for one in ones])[order],
        score=score[order],
        found=np.concatenate([one.found for one in ones], axis=1)[:, order],
        wrong=np.concatenate([one.wrong for one in ones], axis=1)[:, order],
    )


def _pool(matches: Matches, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean precision over 101 recalls, and recall with all detections: shapes (IoUs, rows), NaN where undefined."""
    objects = weights[:, matches.objects].sum(axis=1)
    finds_needed = _finds_needed(objects)
    shape = (len(matches.found), len(weights))
    precision, recall = np.zeros(shape), np.zeros(shape)
    for t, (found, wrong) in enumerate(zip(matches.found, matches.wrong, strict=True)):
        counted = np.flatnonzero(found | wrong)
        finds = np.flatnonzero(found[counted])
        if len(finds):
            image = matches.image[counted[: finds[-1] + 1]]
            best, hits = _envelope(image, finds, weights)
            recall[t] = hits[:, -1] / np.maximum(objects, 1)
            precision[t] = _at(finds_needed, hits, best).mean(axis=1)
    undefined = objects == 0
    precision[:, undefined], recall[:, undefined] = np.nan, np.nan
    return precision, recall


def _finds_needed(objects: np.ndarray) -> np.ndarray:
    """Fewest finds that reach each recall, (rows,) -> (rows, recalls); finds / objects decides, as in pycocotools."""
    objects = np.maximum(objects, 1)[:, None].astype(np.float64)
    near = np.ceil(RECALLS * objects)
    needed = near + 1
    for candidate in (near, near - 1):  # rounding may put the product a hair beside the whole number
        needed = np.where(candidate / objects >= RECALLS, candidate, needed)
    return needed


def _envelope(image: np.ndarray, finds: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best precision at each find or behind it, and finds so far: shapes (rows, finds).

    Precision is highest at finds, so only they matter: each is summed up with the false alarms before it.

    Args:
        image: Image of each detection that counts, up to the last find.
        finds: Which of them are finds.
        weights: Shape (rows, images).
    """
    starts = np.concatenate([[0], finds[:-1] + 1])
    hits = np.cumsum(np.take(weights, image[finds], axis=1), axis=1, dtype=np.float64)
    alerts = np.cumsum(np.add.reduceat(np.take(weights, image, axis=1), starts, axis=1), axis=1)
    precision = hits / np.maximum(alerts, 1)
    return np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1], hits


def _at(needed: np.ndarray, hits: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Best precision with the finds that are needed, 0 where there never are as many: shape (rows, recalls)."""
    rows, count = hits.shape
    # All rows are searched at once: each is lifted above the one before. Whole numbers, so nothing is rounded.
    lift = np.arange(rows)[:, None] * (max(hits[:, -1].max(), needed.max()) + 1)
    place = np.searchsorted((hits + lift).ravel(), (needed + lift).ravel()).reshape(needed.shape)
    place -= np.arange(rows)[:, None] * count
    return np.where(place < count, np.take_along_axis(best, np.minimum(place, count - 1), axis=1), 0)


def _defined_mean(values: np.ndarray) -> np.ndarray:
    """Mean over classes and IoUs of what is defined, (classes, IoUs, rows) -> (rows,)."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=(0, 1))
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=(0, 1)) / np.maximum(count, 1), np.nan)
