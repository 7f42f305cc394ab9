# SPDX-License-Identifier: AGPL-3.0-or-later
"""The result of an evaluation, and its JSON form (``eval.json``): undefined metrics are ``null``, never NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from yolo_fine.evaluation.bootstrap import Samples
from yolo_fine.evaluation.metrics import EvaluationData
from yolo_fine.evaluation.report.rows import headline
from yolo_fine.evaluation.report.text import heading, parts
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

SCHEMA = 1  # raised when a key changes its meaning
EVALUATION, REPORT, DETECTIONS = "eval.json", "report.html", "detections.json"  # files of a result folder
OFFICIAL = "visdrone"  # its folder of detections in VisDrone's format


@dataclass(repr=False)
class Evaluation(Result, EvaluationData):
    """A whole evaluation.

    Attributes:
        folder: Where ``report.html``, ``eval.json`` and ``detections.json`` are; None if no folder was asked for.
        samples: The metrics in each resample, protocol -> metric -> shape (resamples,), NaN where undefined: what a
            comparison over several trainings needs. Empty with ``resamples=0``.
        also_written: Files outside the folder, as ``misses=`` and ``json=`` name them.
    """

    folder: Path | None = None
    samples: Samples = field(default_factory=dict)
    also_written: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, as in ``eval.json``."""
        content = asdict(EvaluationData(**{one.name: getattr(self, one.name) for one in fields(EvaluationData)}))
        return {"schema": SCHEMA, **_without_nan(content)}

    def summary(self) -> str:
        """What was evaluated, the headline metrics of each protocol, and where the files are."""
        by_title: dict[str, list[str]] = {}
        for title, name, number, _ in headline(self):
            if name.startswith("AP") and not name.startswith("AP50_"):
                by_title.setdefault(title, []).append(f"{name} {number}")
        lines = [f"{title}, percent: {', '.join(found)}" for title, found in by_title.items()]
        return "\n".join([heading(self), *lines, *self._written()])

    def table(self) -> Sequence[Row]:
        """The headline metrics of each protocol and their intervals, in percent."""
        rows = []
        for title, name, number, interval in headline(self):
            low, high = (interval.limits if interval else None) or (None, None)
            rows.append({"protocol": title, "metric": name, "percent": number.value, "low": low, "high": high})
        return rows

    def show(self) -> list[str | Table]:
        """Both protocols, sizes, classes, whole beside sliced, comparison, speed; all metrics are percent."""
        return [*parts(self), *self._written()]

    def _written(self) -> list[str]:
        in_folder = [str(self.folder / REPORT), EVALUATION, DETECTIONS] if self.folder else []
        files = [*in_folder, *map(str, self.also_written)]
        return [f"written: {', '.join(files)}"] if files else []


def _without_nan(value: Any) -> Any:
    """The same content with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
