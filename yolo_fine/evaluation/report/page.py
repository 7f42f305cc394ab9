# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the page: one HTML file with its style, script, charts and images, which asks the network for nothing."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from yolo_fine._version import __version__
from yolo_fine.evaluation.metrics import EvaluationData
from yolo_fine.evaluation.report import sections
from yolo_fine.evaluation.report.in_words import in_words
from yolo_fine.evaluation.report.misses_section import misses_section
from yolo_fine.evaluation.report.wording import count
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.files import write_text


def write_report(
    file: Path, evaluation: EvaluationData, truth: GroundTruth, detections: Detections, *, misses: int = 60
) -> None:
    """Write the report of an evaluation, whole or not at all.

    Args:
        file: The HTML file.
        evaluation: What was measured; sections without metrics are left out.
        truth: The annotated objects; with ``files``, the misses are shown as crops of the images.
        detections: The boxes that were evaluated.
        misses: How many misses to show; 60 make a page of 1 to 7 MB.

    Raises:
        ArgumentError: The file can't be written there.
    """
    parts = [
        ("metrics", "Metrics", sections.metrics(evaluation)),
        ("sizes", "Object size", sections.sizes(evaluation)),
        ("sliced", "Whole and sliced", sections.sliced(evaluation)),
        ("comparison", "Comparison", sections.comparison(evaluation)),
        ("curves", "Precision and recall", sections.curves(evaluation)),
        ("classes", "Classes", sections.classes(evaluation)),
        ("confusion", "Confusion", sections.confusion(evaluation)),
        ("errors", "Error types", sections.errors(evaluation)),
        ("misses", "Worst misses", misses_section(_resource("misses.html"), evaluation, truth, detections, misses)),
        ("times", "Time", sections.times(evaluation)),
        ("manifest", "Manifest", sections.manifest(evaluation)),
    ]
    parts = [part for part in parts if part[2]]
    page = _resource("template.html").substitute(
        title=escape(_title(evaluation)),
        said=escape(in_words(evaluation)),
        facts=escape(_facts(evaluation, truth)),
        style=_resource("style.css").template,
        script=_resource("page.js").template,
        links="".join(f'<a href="#{name}">{title}</a>' for name, title, _ in parts),
        sections=_beside("\n".join(_section(*part) for part in parts)),
        version=escape(__version__),
    )
    write_text(file, page)


def _section(name: str, title: str, content: str) -> str:
    heading = f'<h2 id="{name}-title">{title}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{heading}{content}</section>'


def _beside(content: str) -> str:
    """The sections of confusion and error types in one row, where the page is wide enough for both."""
    first, second, after = (content.find(f'<section id="{name}"') for name in ("confusion", "errors", "misses"))
    if min(first, second, after) < 0:
        return content
    return f'{content[:first]}<div class="flow">{content[first:after]}</div>{content[after:]}'


def _resource(name: str) -> Template:
    return Template(files("yolo_fine.evaluation.report").joinpath(name).read_text(encoding="utf-8"))


def _title(evaluation: EvaluationData) -> str:
    evaluated = (evaluation.manifest.get("model") or {}).get("file")
    evaluated = evaluated or (evaluation.manifest.get("arguments") or {}).get("detections") or "detections"
    return f"Evaluation of {Path(evaluated).name}"


def _facts(evaluation: EvaluationData, truth: GroundTruth) -> str:
    objects = sum(metrics.objects for metrics in evaluation.per_class.values())
    facts = [f"{count(len(truth.names))} images", f"{count(objects)} objects of {len(truth.classes)} classes"]
    if max_det := evaluation.manifest.get("max_det"):
        facts.append(f"up to {max_det} detections an image")
    return ", ".join(facts)
