# SPDX-License-Identifier: AGPL-3.0-or-later
"""Summarises object annotations: counts, class shares, log-normal sizes, shapes, ignored regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SMALL, MEDIUM = 32.0**2, 96.0**2  # COCO's limits of small and medium, square pixels


def summarize_split(tables: Sequence[np.ndarray], picture_areas: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Summarise the annotations of one split.

    Args:
        tables: One (n, 8) integer array of VisDrone rows per picture: x, y, width, height (pixels), score, category,
            truncation, occlusion. Category 0 is an ignored region, 1 to 10 are classes.
        picture_areas: (pictures,) in square pixels, NaN where unknown.
        names: What the categories are called, from 0.
    """
    rows = np.concatenate(tables)
    picture = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    category, width, height = rows[:, 5], rows[:, 2].astype(float), rows[:, 3].astype(float)
    box = (category >= 1) & (category <= 10) & (width > 0) & (height > 0)
    ignored = (category == 0) & (width > 0) & (height > 0)
    side = np.sqrt(width * height)
    relative = side / np.sqrt(picture_areas)[picture]
    area = width[box] * height[box]
    classes = {}
    for index, name in enumerate(names[1:11], 1):
        chosen = box & (category == index)
        if chosen.any():
            classes[name] = _describe(side[chosen], relative[chosen], width[chosen] / height[chosen])
            classes[name]["share"] = round(float(chosen.sum() / box.sum()), 5)
    return {
        "pictures": len(tables),
        "picture_side_px": _quantiles(np.sqrt(picture_areas)),
        "boxes": int(box.sum()),
        "boxes_per_picture": _quantiles(np.bincount(picture[box], minlength=len(tables))),
        "boxes_per_picture_mean": round(float(box.sum() / len(tables)), 2),
        "share_by_area": {
            "small": round(float((area < SMALL).mean()), 4),
            "medium": round(float(((area >= SMALL) & (area < MEDIUM)).mean()), 4),
            "large": round(float((area >= MEDIUM).mean()), 4),
        },
        "all": _describe(side[box], relative[box], width[box] / height[box]),
        "classes": classes,
        "scale": _scale_between_pictures(picture[box], category[box], np.log(side[box])),
        "ignored_per_picture": _quantiles(np.bincount(picture[ignored], minlength=len(tables))),
        "ignored_per_picture_mean": round(float(ignored.sum() / len(tables)), 3),
        "pictures_with_ignored": round(float(np.unique(picture[ignored]).size / len(tables)), 4),
        "ignored": _describe(side[ignored], relative[ignored], width[ignored] / height[ignored]),
    }


def _describe(side: np.ndarray, relative: np.ndarray, aspect: np.ndarray) -> dict[str, Any]:
    """Quantiles and log-normal parameters of sizes, and quantiles of width / height."""
    return {
        "side_px": _quantiles(side),
        "side_log_mean": round(float(np.log(side).mean()), 4),
        "side_log_std": round(float(np.log(side).std()), 4),
        "side_of_picture": _quantiles(relative),
        "aspect": _quantiles(aspect),
    }


def _scale_between_pictures(picture: np.ndarray, category: np.ndarray, log_side: np.ndarray) -> dict[str, float]:
    """Split the spread of sizes (class means removed) into flight height (between pictures) and the rest (within)."""
    means = np.bincount(category, log_side, minlength=11) / np.maximum(np.bincount(category, minlength=11), 1)
    residual = log_side - means[category]
    counts = np.maximum(np.bincount(picture), 1)
    filled = np.bincount(picture) > 0
    centre = np.bincount(picture, residual) / counts
    within = residual - centre[picture]
    correlation = np.corrcoef(centre[filled], np.log(counts[filled]))[0, 1] if filled.sum() > 2 else 0.0
    return {
        "between_log_std": round(float(centre[filled].std()), 4),
        "within_log_std": round(float(within.std()), 4),
        "correlation_with_log_count": round(float(correlation), 4),
    }


def _quantiles(values: np.ndarray) -> list[float]:
    """The module's ``QUANTILES`` of the finite values, rounded to four digits; empty when there are none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return [round(float(value), 4) for value in np.quantile(finite, QUANTILES)] if finite.size else []
