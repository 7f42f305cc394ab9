# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sections of the page, each from its part of an evaluation; an empty text where there is nothing to show."""

from __future__ import annotations

import json
from html import escape

from yolo_fine.evaluation.metrics import EvaluationData
from yolo_fine.evaluation.report import charts, html, rows
from yolo_fine.evaluation.report.html import scale_of, table_html
from yolo_fine.evaluation.report.wording import differing_text, intervals_text, notes_of, percent

PROTOCOL_NOTES = {
    "COCO": "Mean over IoU 0.50 to 0.95, 101 recall points; every class counts once.",
    "VisDrone": (
        "Official: each class weighted by the number of images that contain it, as the official tool prints it. "
        "Class mean: every class counts once. Objects and detections in ignored regions are left out."
    ),
}

PAIRED = (
    "The same images are drawn again for both, so what makes an image hard cancels out. Beyond noise: the interval "
    "leaves out zero. That is a statement about these two sets of detections, not about what another training run "
    "would give."
)


def metrics(evaluation: EvaluationData) -> str:
    """Both protocols."""
    tables = rows.protocol_tables(evaluation)
    scale = scale_of(tables)
    parts = [f"<div>{table_html(one, scale)}{note_of(PROTOCOL_NOTES[one.columns[0]])}</div>" for one in tables]
    notes = ["All metrics are percent.", intervals_text(evaluation), *(f"{note}." for note in notes_of(evaluation))]
    return f'<div class="pair">{"".join(parts)}</div>{note_of(" ".join(note for note in notes if note))}'


def sizes(evaluation: EvaluationData) -> str:
    """AP and AR by size of the object."""
    if not evaluation.sizes:
        return ""
    keys = [("ap", "AP"), ("ar", "AR")] + ([("whole", "the same on whole images")] if evaluation.whole else [])
    note = "COCO protocol. The size of an object is the square root of its area."
    chart = f"<div>{charts.size_bars(evaluation)}{keys_of(keys)}</div>"
    return f'<div class="pair">{chart}<div>{table_html(rows.size_table(evaluation))}{note_of(note)}</div></div>'


def sliced(evaluation: EvaluationData) -> str:
    """Whole images and slices side by side."""
    if evaluation.whole is None:
        return ""
    keys = keys_of([("ring", "whole images"), ("dot", "slices")])
    chart = charts.whole_and_sliced(evaluation.whole, evaluation)
    table = table_html(rows.whole_and_sliced(evaluation))
    note = note_of(PAIRED) if evaluation.slicing else ""
    return f'<div class="flow"><div>{table}</div><div>{chart}{keys}{note}</div></div>'


def comparison(evaluation: EvaluationData) -> str:
    """Differences from another evaluation, in metrics and in words."""
    if not evaluation.comparison:
        return ""
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in evaluation.comparison["words"])
    note = (
        f"{differing_text(evaluation.comparison)} Differences from {evaluation.comparison['with']}, in points. {PAIRED}"
    )
    content = rows.comparison_table(evaluation.comparison)
    table = table_html(content, scale_of([content])) if content.rows else ""
    words = f"<details open><summary>In words</summary><ul>{sentences}</ul></details>{note_of(note)}"
    return f'<div class="flow"><div>{table}</div><div>{words}</div></div>'


def curves(evaluation: EvaluationData) -> str:
    """Precision over recall, with a legend that shows and hides classes."""
    names = [name for name in evaluation.per_class if name in evaluation.curves]
    if not names:
        return ""
    mean = _toggle(-1, "mean", "mean of the classes", percent((evaluation.coco or {}).get("AP50"), 1))
    toggles = [
        _toggle(index, charts.style(index), name, percent(evaluation.per_class[name].AP50, 1))
        for index, name in enumerate(names)
    ]
    legend = (
        f'<fieldset class="legend"><legend>Curves, with AP50 in percent</legend>{mean}{"".join(toggles)}</fieldset>'
        '<p class="buttons"><button data-curves="all">all</button> '
        '<button data-curves="mean">only the mean</button></p>'
    )
    note = "At IoU 0.50, COCO protocol: precision is the highest that is reached at this recall or beyond."
    chart = f"<div>{charts.pr_curves(evaluation.curves, names)}{note_of(note)}</div>"
    return f'<div class="pair">{chart}<div>{legend}</div></div>'


def _toggle(index: int, style: str, name: str, value: str) -> str:
    return (
        f'<label><input type="checkbox" data-curve="{index}" checked><svg class="curve {style}" viewBox="0 0 26 8" '
        f'width="26" height="8" aria-hidden="true"><path d="M0 4H26"/></svg><span class="text">{escape(name)}</span>'
        f'<span class="value">{value}</span></label>'
    )


def classes(evaluation: EvaluationData) -> str:
    """Bars and the sortable table of classes."""
    if not evaluation.per_class:
        return ""
    note = "COCO protocol, but for columns that say VisDrone. Small numbers: annotated objects. A heading sorts."
    left_out = rows.classes_left_out(evaluation)
    shown = rows.classes_with_objects(evaluation)
    if not shown:
        return note_of(left_out)
    bars = f'<div class="measure tall">{charts.class_bars(shown)}</div>'
    keys = keys_of([("ap", "AP"), ("ap50", "AP50")])
    table = table_html(rows.class_table(evaluation), sortable=True)
    notes = "".join(note_of(text) for text in (note, left_out) if text)
    return f'<div class="pair"><div>{bars}</div><div>{keys}{notes}</div></div>{table}'


def confusion(evaluation: EvaluationData) -> str:
    """The confusion matrix, as shares of the row or as counts."""
    content = evaluation.confusion
    if not content.get("matrix"):
        return ""
    switch = (
        '<p class="buttons" role="group" aria-label="Cells show">'
        '<button data-cells="share" aria-pressed="true">percent of row</button> '
        '<button data-cells="number" aria-pressed="false">counts</button></p>'
    )
    if len(content["names"]) > html.DENSE:
        switch = ""  # no room for either; the tooltip has both
    note = (
        f"Detections at confidence {content['score']:g} and above, matched to objects at IoU {content['iou']:g} "
        "whatever their class. The colour of a cell is its share of the row."
    )
    return f"{switch}{html.confusion(content['names'], content['matrix'])}{note_of(note)}"


def errors(evaluation: EvaluationData) -> str:
    """Error types and what they cost."""
    if not any(gain is not None for gain in (evaluation.errors.get("delta_ap") or {}).values()):
        return ""
    note = (
        "What AP50 would gain if all errors of one type were repaired, after TIDE (Bolya et al., ECCV 2020). The gains "
        "don't add up: repairing one type changes what the others cost."
    )
    return f'<div class="measure">{charts.error_bars(evaluation.errors)}</div>{note_of(note)}'


def times(evaluation: EvaluationData) -> str:
    """How long an image took: measured once, on one machine, and no part of accuracy."""
    content = rows.time_table(evaluation)
    if not content.rows:
        return ""
    note = (
        "Mean of the images, without reading files; the first batch is left out where there are more. Measured once, "
        "on the machine of this evaluation, beside whatever else it did: bench compares models fairly."
    )
    return f'<div class="flow"><div>{table_html(content)}</div><div>{note_of(note)}</div></div>'


def manifest(evaluation: EvaluationData) -> str:
    """What it takes to make the evaluation again."""
    if not evaluation.manifest:
        return ""
    raw = escape(json.dumps(evaluation.manifest, indent=2, default=str))
    return (
        "<details><summary>Versions, model, data and every argument</summary>"
        f'<div class="tree">{html.manifest(evaluation.manifest)}</div></details>'
        f"<details><summary>The same as JSON</summary><pre>{raw}</pre></details>"
    )


def keys_of(pairs: list[tuple[str, str]]) -> str:
    """What the colours of a chart mean."""
    return f'<p class="keys">{"".join(f"""<span><i class="{kind}"></i>{text}</span>""" for kind, text in pairs)}</p>'


def note_of(text: str) -> str:
    """A remark under a table or chart."""
    return f'<p class="note">{escape(text)}</p>'
