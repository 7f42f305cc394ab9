# SPDX-License-Identifier: AGPL-3.0-or-later
"""How numbers read and what is said about them, on the terminal and on the page."""

from __future__ import annotations

from typing import Any

from yolo_fine.evaluation.bootstrap import FEW_GROUPS, FEW_RESAMPLES
from yolo_fine.evaluation.metrics import EvaluationData, Metrics, SizeBin

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


def count(number: int) -> str:
    """38759 -> ``38,759``."""
    return f"{number:,}"


def pixels(size: SizeBin) -> str:
    """The range of a size bin: ``0–32 px``, ``from 96 px``."""
    if size.max_side is None or size.max_side >= 1e5:
        return f"from {size.min_side:g} px"
    return f"{size.min_side:g}–{size.max_side:g} px"


def intervals_text(evaluation: EvaluationData) -> str:
    """What the intervals are, and which are missing; empty if none were asked for."""
    found = evaluation.intervals
    if not found:
        return ""
    groups, effective = found["groups"], found["effective_groups"]
    is_grouped = groups != (evaluation.manifest.get("data") or {}).get("images", groups)
    drawn, choice = (f"{count(groups)} groups of images", "groups") if is_grouped else ("images", "images")
    if effective < groups:
        drawn += f" (as good as {effective:.1f} groups of equal size)"
    text = (
        f"{100 * found['confidence']:g} % intervals: bootstrap over {drawn}, {count(found['resamples'])} resamples. "
        f"They cover the choice of {choice}, not the luck of a training run."
    )
    if effective < FEW_GROUPS:
        text += f" {count(groups)} {choice} are few: the intervals are rough ones."
    if found["resamples"] < FEW_RESAMPLES:
        text += " So few resamples leave the ends of the intervals uncertain."
    by_reason: dict[str, list[str]] = {}
    for title, reasons in (found.get("reasons") or {}).items():
        for name, reason in reasons.items():
            by_reason.setdefault(reason, []).append(f"{title} {name}")
    missing = [f"{', '.join(names)} ({reason})" for reason, names in by_reason.items()]
    return text + (f" Not defined: {'; '.join(missing)}." if missing else "")


def differing_text(comparison: dict[str, Any]) -> str:
    """Which arguments of the two predictions differ, and which rules of assignment; empty if none do."""
    pairs = [
        f"{key} {ours} here, {theirs} there" for key, (ours, theirs) in (comparison.get("differing") or {}).items()
    ]
    text = f"The boxes were made with different arguments: {'; '.join(pairs)}." if pairs else ""
    if rules := comparison.get("rules"):
        text += (
            f" The trainings assigned small objects under different rules: {rules[0]} here, {rules[1]} there. A "
            "difference in small objects may come from that; assign: {floor: N} in both model YAMLs makes them equal."
        )
    return text.strip()


def notes_of(evaluation: EvaluationData) -> list[str]:
    """What a reader of the metrics should know."""
    return [str(note) for note in evaluation.manifest.get("notes") or []]


def speed_text(speed: Metrics) -> str:
    """``preprocess 1.2, inference 30.1, postprocess 0.8, total 32.1 ms per image``."""
    parts = [f"{name.replace('_', ' ')} {value:.1f}" for name, value in speed.items() if value is not None]
    return f"{', '.join(parts)} ms per image" if parts else ""
