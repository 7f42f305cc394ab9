# SPDX-License-Identifier: AGPL-3.0-or-later
"""How metrics and their names read, on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yolo_fine.evaluation.result import Evaluation, SizeBin

NONE = "–"  # a metric that isn't defined

ERROR_TYPES = {
    "Cls": "wrong class, right place",
    "Loc": "right class, badly located",
    "Both": "wrong class and badly located",
    "Dupe": "one more box on a found object",
    "Bkg": "box where nothing is annotated",
    "Miss": "object without any box",
    "FP": "all false positives together",
    "FN": "all missed objects together",
}


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as percent, without the sign: 0.2345 -> ``23.45``."""
    return NONE if fraction is None else f"{100 * fraction:.{digits}f}"


def points(value: float | None, digits: int = 2) -> str:
    """A metric that is percent already."""
    return NONE if value is None else f"{value:.{digits}f}"


def count(number: int) -> str:
    """38759 -> ``38,759``."""
    return f"{number:,}"


def pixels(size: SizeBin) -> str:
    """The range of a size bin: ``0–32 px``, ``from 96 px``."""
    if size.max_side is None or size.max_side >= 1e5:
        return f"from {size.min_side:g} px"
    return f"{size.min_side:g}–{size.max_side:g} px"


def interval(evaluation: Evaluation, protocol: str, metric: str) -> tuple[float, float] | None:
    """Low and high of a metric's interval in percent; None if there is none."""
    limits = (evaluation.intervals.get(protocol) or {}).get(metric)
    if not limits or limits[0] is None or limits[1] is None:
        return None
    scale = 100 if protocol == "coco" else 1
    return scale * limits[0], scale * limits[1]


def limits_text(limits: tuple[float, float] | None) -> str:
    """``22.1 to 25.6``, or nothing."""
    return f"{limits[0]:.1f} to {limits[1]:.1f}" if limits else ""


def confidence_text(evaluation: Evaluation) -> str:
    """``95 %``: the confidence of the intervals."""
    return f"{100 * evaluation.intervals.get('confidence', 0.95):g} %"


def intervals_text(evaluation: Evaluation) -> str:
    """One sentence on what the intervals are; empty if there are none."""
    if not (evaluation.intervals.get("coco") or evaluation.intervals.get("visdrone")):
        return ""
    resamples = evaluation.intervals.get("resamples")
    drawn = f", {count(resamples)} resamples" if resamples else ""
    return (
        f"{confidence_text(evaluation)} intervals: bootstrap over images{drawn}. "
        "They cover the choice of images, not the luck of a training run."
    )


def notes_of(evaluation: Evaluation) -> list[str]:
    """What a reader of the metrics should know."""
    return [str(note) for note in evaluation.manifest.get("notes") or []]


def plain_metrics(metrics: dict[str, Any] | None, sizes: Iterable[SizeBin] = ()) -> list[str]:
    """Names of the metrics that are numbers, without those of size bins (which have a table of their own)."""
    names = {f"{kind}_{size.name}" for size in sizes for kind in ("AP", "AP50", "AR")}
    return [name for name, value in (metrics or {}).items() if name not in names and not isinstance(value, dict)]


def speed_text(speed: dict[str, float | None]) -> str:
    """``preprocess 1.2, inference 30.1, postprocess 0.8, total 32.1 ms per image``."""
    parts = [f"{name.replace('_', ' ')} {value:.1f}" for name, value in speed.items() if value is not None]
    return f"{', '.join(parts)} ms per image" if parts else ""
