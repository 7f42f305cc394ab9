# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far COCO figures would move with other pictures: bootstrap over pictures, for one detector or two.

A resample draws as many pictures as there are, with replacement; a picture drawn twice counts twice. Detections are
matched with objects within a picture, whatever was drawn, so the engine's matches are taken once and a resample only
weighs them: with every weight 1 the figures are the engine's own. (hotcoco's ``compare`` is not used: version 1.3
counts a picture that was drawn twice once, which makes intervals a quarter too narrow, and a figure that is undefined
in a resample as 0.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.coco import IOU_50, IOU_75, CocoScore

RECALLS = np.linspace(0, 1, 101)
CHUNK = 16  # resamples at a time: few enough for the processor's cache
LEAST_DEFINED = 0.95  # of the resamples; below that, a figure gets no interval


def bootstrap_coco(
    score: CocoScore, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, list[float]]:
    """Percentile intervals of AP, AP50, AP75, and of AP and AR of each size bin.

    Args:
        score: A detector's evaluation.
        resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same intervals.
        confidence: Share of the resamples that an interval holds.

    Returns:
        Figure -> [low, high]. A figure that is undefined, or was in more than 5 % of the resamples because few pictures
        hold such objects, is left out.

    Raises:
        ArgumentError: ``resamples`` or ``confidence`` can't be used.
    """
    tail = _tail(resamples, confidence)
    samples = _resample(score, resamples, seed)
    return {name: _interval(samples[name], tail) for name in headline(score) if _enough(samples[name])}


def compare_coco(
    a: CocoScore, b: CocoScore, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, dict[str, float]]:
    """Paired differences ``b - a`` of two detectors on the same pictures, with percentile intervals.

    Args:
        a: The first detector's evaluation.
        b: The second's, on the same objects with the same bins and ``max_det``.
        resamples: Number of resamples; both detectors get the same draws.
        seed: Seed of the draws.
        confidence: Share of the resamples that an interval holds.

    Returns:
        Figure -> ``difference``, ``low``, ``high``, and ``probability_positive``: the share of resamples in which b is
        better, ties counted half. Figures are left out as in :func:`bootstrap_coco`.

    Raises:
        ArgumentError: The two can't be compared, or ``resamples`` or ``confidence`` can't be used.
    """
    tail = _tail(resamples, confidence)
    _check_comparable(a, b)
    samples_a, samples_b = _resample(a, resamples, seed), _resample(b, resamples, seed)
    result = {}
    for name in headline(a):
        difference, of_a, of_b = samples_b[name] - samples_a[name], a.figures[name], b.figures[name]
        if of_a is None or of_b is None or not _enough(difference):
            continue
        low, high = _interval(difference, tail)
        defined = difference[~np.isnan(difference)]
        better = float(np.mean((defined > 0) + 0.5 * (defined == 0)))
        result[name] = {"difference": of_b - of_a, "low": low, "high": high, "probability_positive": better}
    return result


def headline(score: CocoScore) -> list[str]:
    """Names of the figures that get an interval."""
    return ["AP", "AP50", "AP75", *(f"{kind}_{bin_.name}" for bin_ in score.bins for kind in ("AP", "AR"))]


@dataclass
class _Matches:
    """The engine's matches for one class and one area range.

    Attributes:
        objects: Objects to be found in each picture, shape (pictures,).
        picture: Picture of each detection, by falling score, shape (detections,).
        found: Whether the detection found such an object, shape (IoUs, detections).
        wrong: Whether it is a false alarm, shape (IoUs, detections). Neither: it does not count.
    """

    objects: np.ndarray
    picture: np.ndarray
    found: np.ndarray
    wrong: np.ndarray


def _matches(score: CocoScore) -> Iterator[tuple[int, int, _Matches]]:
    """Matches by class and area, as indices into the engine's arrays."""
    params = score.evaluator.params
    area_of = {tuple(limits): a for a, limits in enumerate(params.area_rng)}
    class_of = {number: k for k, number in enumerate(params.cat_ids)}
    cells: dict[tuple[int, int], list[dict]] = {}
    for one in score.evaluator.eval_imgs:  # a picture, a class, an area
        if one is not None:
            cells.setdefault((class_of[one["category_id"]], area_of[tuple(one["aRng"])]), []).append(one)
    for (k, a), ones in cells.items():
        ones.sort(key=lambda one: one["image_id"])
        objects = np.zeros(score.pictures)
        for one in ones:
            objects[one["image_id"]] = len(one["gtIgnore"]) - sum(one["gtIgnore"])
        picture = np.concatenate([np.full(len(one["dtScores"]), one["image_id"]) for one in ones])
        order = np.argsort(-np.concatenate([one["dtScores"] for one in ones]), kind="stable")
        matched = np.concatenate([np.array(one["dtMatched"], dtype=bool) for one in ones], axis=1)[:, order]
        ignored = np.concatenate([np.array(one["dtIgnore"], dtype=bool) for one in ones], axis=1)[:, order]
        yield k, a, _Matches(objects, picture[order], matched & ~ignored, ~matched & ~ignored)


def _resample(score: CocoScore, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Headline figures in each resample, NaN where undefined."""
    draws = np.random.default_rng(seed).integers(0, max(score.pictures, 1), (resamples, score.pictures))
    weights = [np.bincount(draw, minlength=score.pictures) for draw in draws]
    return weighted_figures(score, np.array(weights, dtype=np.float32))


def weighted_figures(score: CocoScore, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Headline figures where each picture counts as often as its weight says.

    Args:
        score: A detector's evaluation.
        weights: Whole numbers, shape (resamples, pictures), float32.

    Returns:
        Figure -> shape (resamples,), NaN where undefined.
    """
    params = score.evaluator.params
    shape = (len(params.cat_ids), 1 + len(score.bins), len(params.iou_thrs), len(weights))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    for k, a, matches in _matches(score):
        for start in range(0, len(weights), CHUNK):
            chunk = slice(start, start + CHUNK)
            precision[k, a, :, chunk], recall[k, a, :, chunk] = _curve_means(matches, weights[chunk])
    figures = {
        "AP": _defined_mean(precision[:, 0]),
        "AP50": _defined_mean(precision[:, 0, IOU_50, None]),
        "AP75": _defined_mean(precision[:, 0, IOU_75, None]),
    }
    for a, bin_ in enumerate(score.bins, start=1):
        figures |= {f"AP_{bin_.name}": _defined_mean(precision[:, a]), f"AR_{bin_.name}": _defined_mean(recall[:, a])}
    return figures


def _curve_means(matches: _Matches, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean precision over 101 recalls, and recall with all detections: shapes (IoUs, resamples), NaN if undefined."""
    objects = weights @ matches.objects
    shape = (len(matches.found), len(weights))
    precision, recall = np.zeros(shape), np.zeros(shape)
    for t, (found, wrong) in enumerate(zip(matches.found, matches.wrong, strict=True)):
        counted = np.flatnonzero(found | wrong)
        finds = np.flatnonzero(found[counted])
        if not len(finds):
            continue
        # Precision is highest at finds, so only they matter: each is summed up with the false alarms before it.
        picture = matches.picture[counted[: finds[-1] + 1]]
        starts = np.concatenate([[0], finds[:-1] + 1])
        hits = np.cumsum(weights[:, picture[finds]], axis=1, dtype=np.float64)
        alerts = np.cumsum(np.add.reduceat(np.take(weights, picture, axis=1), starts, axis=1), axis=1)
        at_find = hits / np.maximum(alerts, 1)
        best_after = np.maximum.accumulate(at_find[:, ::-1], axis=1)[:, ::-1]
        recalls = hits / np.maximum(objects, 1)[:, None]
        recall[t] = recalls[:, -1]
        for r in range(len(weights)):
            first = np.searchsorted(recalls[r], RECALLS, side="left")
            precision[t, r] = best_after[r, first[first < len(finds)]].sum() / len(RECALLS)
    undefined = objects == 0
    precision[:, undefined], recall[:, undefined] = np.nan, np.nan
    return precision, recall


def _defined_mean(values: np.ndarray) -> np.ndarray:
    """Mean over classes and IoUs of what is defined, (classes, IoUs, resamples) -> (resamples,)."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=(0, 1))
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=(0, 1)) / np.maximum(count, 1), np.nan)


def _enough(samples: np.ndarray) -> bool:
    return bool(np.mean(~np.isnan(samples)) >= LEAST_DEFINED)


def _interval(samples: np.ndarray, tail: float) -> list[float]:
    return [float(limit) for limit in np.nanquantile(samples, [tail, 1 - tail])]


def _tail(resamples: int, confidence: float) -> float:
    """Share of the resamples on each side of an interval."""
    if resamples < 1:
        raise ArgumentError(f"resamples={resamples}: at least one is needed, as resamples=1000")
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence}: a share between 0 and 1 is needed, as confidence=0.95")
    return (1 - confidence) / 2


def _check_comparable(a: CocoScore, b: CocoScore) -> None:
    """Refuse what would give a difference that means nothing."""
    objects_a = {name: figures.objects for name, figures in a.per_class.items()}
    objects_b = {name: figures.objects for name, figures in b.per_class.items()}
    for what, of_a, of_b in (
        ("numbers of pictures", a.pictures, b.pictures),
        ("size bins", [bin_.name for bin_ in a.bins], [bin_.name for bin_ in b.bins]),
        ("max_det", a.max_det, b.max_det),
        ("classes or numbers of objects", objects_a, objects_b),
    ):
        if of_a != of_b:
            raise ArgumentError(f"the two evaluations can't be compared: different {what}, {of_a} and {of_b}")
