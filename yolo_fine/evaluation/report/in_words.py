# SPDX-License-Identifier: AGPL-3.0-or-later
"""The outcome of an evaluation in a sentence or two, for the top of the page."""

from __future__ import annotations

from pathlib import Path

from yolo_fine.evaluation.metrics import EvaluationData
from yolo_fine.evaluation.report.rows import comparison_table, interval
from yolo_fine.evaluation.report.wording import percent


def in_words(evaluation: EvaluationData) -> str:
    """Overall AP with its interval, that of small objects, slices against whole images, the other evaluation."""
    sentences = [text for text in (_overall(evaluation), _sliced(evaluation), _compared(evaluation)) if text]
    return " ".join(sentences)


def _overall(evaluation: EvaluationData) -> str:
    parts = []
    coco = evaluation.coco or {}
    if coco.get("AP") is not None:
        found = interval(evaluation, "coco", "AP")
        limits = f" ({found} at {100 * evaluation.intervals['confidence']:g} %)" if found and found.limits else ""
        parts.append(f"AP {percent(coco['AP'], 1)} %{limits}")
        defined = [size for size in evaluation.sizes if size.AP is not None]
        if len(defined) > 1 and defined[0].AP is not None:
            parts[-1] += f", {percent(defined[0].AP, 1)} % for {defined[0].name} objects"
            parts[-1] += f" ({defined[0].objects:,} of them)"
    official = (evaluation.visdrone or {}).get("AP")
    if official is not None:
        parts.append(f"official VisDrone AP {official:.1f} %")
    return f"{'; '.join(parts)}." if parts else ""


def _sliced(evaluation: EvaluationData) -> str:
    before = (evaluation.whole.coco or {}).get("AP") if evaluation.whole else None
    after = (evaluation.coco or {}).get("AP")
    if before is None or after is None or evaluation.whole is None:
        return ""
    text = f"Slices give {100 * (after - before):+.1f} points over whole images"
    times = (evaluation.whole.speed.get("total"), evaluation.speed.get("total"))
    return text + (f", at {times[1] / times[0]:.1f} times the time." if times[0] and times[1] else ".")


def _compared(evaluation: EvaluationData) -> str:
    if not evaluation.comparison:
        return ""
    rows = comparison_table(evaluation.comparison).rows
    if not rows:
        return ""
    first = rows[0]
    other = Path(str(evaluation.comparison["with"]))
    name = f"{other.parent.name}/{other.name}" if other.parent.name else other.name
    return f"Against {name}: {first['']} {first['difference']} points, {first['verdict']}."
