# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the page: one HTML file with its style, script, charts and pictures inside, that asks the network for nothing."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from yolo_fine import __version__
from yolo_fine.evaluation.evaluation import Evaluation
from yolo_fine.evaluation.objects import Detections, GroundTruth
from yolo_fine.evaluation.report import charts, gallery, tables
from yolo_fine.evaluation.report.misses import find_misses
from yolo_fine.evaluation.report.wording import comparison_sentences, count, intervals_text, percent, speed_text
from yolo_fine.results import write_text


def write_report(
    file: Path, evaluation: Evaluation, truth: GroundTruth, detections: Detections, *, misses: int = 60
) -> None:
    """Write the report of an evaluation, whole or not at all.

    Args:
        file: The HTML file.
        evaluation: What was measured; sections without figures are left out.
        truth: The annotated objects; with ``files``, the misses are shown as crops of the pictures.
        detections: The boxes that were evaluated.
        misses: How many misses to show; 60 make a page of 1 to 4 MB.

    Raises:
        ArgumentError: The file can't be written there.
    """
    sections = [
        ("figures", "Figures", _figures(evaluation)),
        ("sizes", "Object size", _sizes(evaluation)),
        ("sliced", "Whole pictures and slices", _sliced(evaluation)),
        ("comparison", "Comparison", _comparison(evaluation)),
        ("curves", "Precision and recall", _curves(evaluation)),
        ("classes", "Classes", _classes(evaluation)),
        ("confusion", "Confusion", _confusion(evaluation)),
        ("errors", "Error types", _errors(evaluation)),
        ("misses", "The worst misses", _misses(evaluation, truth, detections, misses)),
        ("manifest", "Manifest", _manifest(evaluation)),
    ]
    present = [(name, title, content) for name, title, content in sections if content]
    model = (evaluation.manifest.get("model") or {}).get("file")
    page = _resource("template.html").substitute(
        title=escape(f"Evaluation of {Path(model).name}" if model else "Evaluation of detections"),
        facts=escape(_facts(evaluation, truth)),
        style=_resource("style.css").template,
        script=_resource("page.js").template,
        links="".join(f'<a href="#{name}">{title}</a>' for name, title, _ in present),
        sections="".join(
            f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>{content}</section>'
            for name, title, content in present
        ),
        version=escape(__version__),
    )
    write_text(file, page)


def _resource(name: str) -> Template:
    return Template(files("yolo_fine.evaluation.report").joinpath(name).read_text(encoding="utf-8"))


def _facts(evaluation: Evaluation, truth: GroundTruth) -> str:
    objects = sum(figures.objects for figures in evaluation.per_class.values())
    facts = [f"{count(len(truth.names))} pictures", f"{count(objects)} objects of {len(truth.classes)} classes"]
    if max_det := evaluation.manifest.get("max_det"):
        facts.append(f"up to {max_det} detections a picture")
    return ", ".join(facts)


def _figures(evaluation: Evaluation) -> str:
    parts = []
    if evaluation.coco:
        note = "IoU 0.50:0.95, 101 recall points; mean in which every class counts once."
        parts.append(_panel("COCO", tables.headline(evaluation, "coco"), note))
    if evaluation.visdrone:
        note = (
            "Official: each class weighted by the number of pictures that contain it, as the official tool prints it; "
            "class mean: every class counts once. Objects and detections in ignored regions are left out."
        )
        parts.append(_panel("VisDrone-DET", tables.headline(evaluation, "visdrone"), note))
    notes = ["All figures are percent.", intervals_text(evaluation)]
    if speed := speed_text(evaluation.speed):
        notes.append(f"Speed: {speed}.")
    return f'<div class="pair">{"".join(parts)}</div>{_note(" ".join(note for note in notes if note))}'


def _sizes(evaluation: Evaluation) -> str:
    if not evaluation.sizes:
        return ""
    note = "COCO protocol. Size is the square root of an object's area. Under each bin: its range and its number of objects."
    keys = [("ap", "AP"), ("ar", "AR")] + ([("whole", "the same on whole pictures")] if evaluation.whole else [])
    return f'<div class="measure">{charts.size_bars(evaluation)}{_keys(keys)}</div>{_note(note)}'


def _sliced(evaluation: Evaluation) -> str:
    if evaluation.whole is None:
        return ""
    chart = charts.whole_and_sliced(evaluation.whole, evaluation)
    chart += _keys([("ring", "whole pictures, AP"), ("dot", "slices, AP")])
    table = tables.whole_and_sliced(evaluation.whole, evaluation, evaluation)
    return f'<div class="pair"><div>{chart}</div><div>{table}</div></div>'


def _comparison(evaluation: Evaluation) -> str:
    if not evaluation.comparison:
        return ""
    table = tables.comparison(evaluation.comparison)
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in comparison_sentences(evaluation.comparison))
    said = f"<ul>{sentences}</ul>" if sentences else ""
    if table and said:
        said = f"<details><summary>In words</summary>{said}</details>"
    note = (
        "Paired: the same pictures are drawn for both, so what makes a picture hard cancels out. Beyond noise means that "
        "the interval leaves out zero: a statement about these two sets of detections, not about training runs."
    )
    return f"{table}{said}{_note(note)}"


def _curves(evaluation: Evaluation) -> str:
    names = [name for name in evaluation.per_class if name in evaluation.curves]
    if not names:
        return ""
    labels = []
    for index, name in enumerate(names):
        value = percent(evaluation.per_class[name].AP50, 1)
        labels.append(_toggle(index, charts.style(index), name, value))
    mean = _toggle(-1, "mean", "mean of the classes", percent((evaluation.coco or {}).get("AP50"), 1))
    legend = (
        f'<fieldset class="legend"><legend>Curves, with AP50 in percent</legend>{mean}{"".join(labels)}'
        '<p class="buttons"><button data-curves="all">all</button> <button data-curves="none">only the mean</button></p>'
        "</fieldset>"
    )
    return f'<div class="pair curves"><div>{charts.pr_curves(evaluation.curves, names)}</div><div>{legend}</div></div>'


def _toggle(index: int, style: str, name: str, value: str) -> str:
    line = f'<svg class="curve {style}" viewBox="0 0 26 8" width="26" height="8" aria-hidden="true"><path d="M0 4H26"/></svg>'
    return (
        f'<label><input type="checkbox" data-curve="{index}" checked>{line}'
        f'<span class="text">{escape(name)}</span><span class="value">{value}</span></label>'
    )


def _classes(evaluation: Evaluation) -> str:
    if not evaluation.per_class:
        return ""
    keys = _keys([("ap", "AP"), ("ap50", "AP50")])
    note = "COCO protocol but for the last columns. Small figures: annotated objects of that class and size. Sort by a heading."
    bars = f'<div class="measure tall">{charts.class_bars(evaluation.per_class)}</div>{keys}'
    return f"{bars}{tables.classes_by_size(evaluation)}{_note(note)}"


def _confusion(evaluation: Evaluation) -> str:
    matrix = evaluation.confusion.get("matrix")
    if not matrix:
        return ""
    at = evaluation.confusion.get("confidence")
    cut = f" at confidence {at:g} and above" if isinstance(at, int | float) else ""
    switch = (
        '<p class="buttons" role="group" aria-label="Cells show"><button data-cells="share" aria-pressed="true">percent of '
        'row</button> <button data-cells="number" aria-pressed="false">counts</button></p>'
    )
    note = (
        f"Detections matched to objects at IoU 0.50 whatever their class{cut}. A cell's colour is its share of the row."
    )
    return f"{switch}{tables.confusion(evaluation.confusion['names'], matrix)}{_note(note)}"


def _errors(evaluation: Evaluation) -> str:
    if not evaluation.errors.get("delta_ap"):
        return ""
    note = (
        "What AP50 would gain if all errors of one type were repaired, after TIDE (Bolya et al., ECCV 2020). The gains "
        "don't add up: repairing one type changes what the others cost."
    )
    return f'<div class="measure">{charts.error_bars(evaluation.errors)}</div>{_note(note)}'


def _misses(evaluation: Evaluation, truth: GroundTruth, detections: Detections, limit: int) -> str:
    if not len(truth) and not len(detections):
        return ""
    found = find_misses(truth, detections, evaluation.sizes, limit=limit)
    recall = percent(found.found / found.objects if found.objects else None, 1)
    precision = percent(found.found / found.detections if found.detections else None, 1)
    note = (
        f"At confidence {found.confidence:.3f} and above, where F1 over all classes is best, {count(found.found)} of "
        f"{count(found.objects)} objects are found ({recall} %), and {precision} % of {count(found.detections)} detections "
        "are right, at IoU 0.50. What lies half or more in a region without annotations is not judged."
    )
    shown = _resource("misses.html").substitute(
        **gallery.options(found, truth, evaluation.sizes),
        shown=len(found.worst),
        cards=gallery.cards(found, truth, detections, evaluation.sizes),
        pictures="" if truth.files else '<p class="note">The pictures were not at hand: boxes only.</p>',
    )
    return f"{_note(note)}{gallery.totals(found, evaluation.sizes)}{shown}"


def _manifest(evaluation: Evaluation) -> str:
    if not evaluation.manifest:
        return ""
    raw = escape(json.dumps(evaluation.manifest, indent=2, default=str))
    return (
        f"<details><summary>Versions, model, data and every argument</summary>{tables.manifest(evaluation.manifest)}</details>"
        f"<details><summary>The same as JSON</summary><pre>{raw}</pre></details>"
    )


def _panel(title: str, content: str, note: str) -> str:
    return f"<div><h3>{title}</h3>{content}{_note(note)}</div>"


def _keys(pairs: list[tuple[str, str]]) -> str:
    return (
        f'<p class="keys">{"".join(f"<span><i class={kind!r}></i>{escape(text)}</span>" for kind, text in pairs)}</p>'
    )


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
