# SPDX-License-Identifier: AGPL-3.0-or-later
"""An evaluation for a terminal: texts, and tables of 100 columns at most."""

from __future__ import annotations

import textwrap

from yolo_fine.evaluation.metrics import EvaluationData
from yolo_fine.evaluation.report import rows
from yolo_fine.evaluation.report.wording import count, differing_text, intervals_text, notes_of, speed_text
from yolo_fine.utils.tables import Table

WIDTH = 100
NAME_WIDTH = 24  # longer names are cut
OFFICIAL = (
    "official: class mean weighted by the images that contain the class (image-weighted), as the official tool prints "
    "it; class mean: every class counts once."
)


def parts(evaluation: EvaluationData) -> list[str | Table]:
    """Both protocols, sizes, classes, whole beside sliced, comparison, speed."""
    notes = [f"Note: {note}" for note in notes_of(evaluation)]
    shown: list[str | Table] = [wrapped(heading(evaluation), *notes, "All metrics are percent.")]
    for table in rows.protocol_tables(evaluation):
        shown += ["", table]
    said = [intervals_text(evaluation), OFFICIAL if evaluation.visdrone else ""]
    shown.append(wrapped(*(text for text in said if text)))
    for table in (rows.size_table(evaluation), rows.class_table(evaluation)):
        shown += [part for piece in fitted(table) for part in ("", piece)]
    shown += [wrapped(left_out) for left_out in [rows.classes_left_out(evaluation)] if left_out]
    for table in (rows.whole_and_sliced(evaluation), *([rows.time_table(evaluation)] if evaluation.whole else [])):
        shown += [part for piece in fitted(table) for part in ("", piece)]
    if evaluation.comparison:
        table = rows.comparison_table(evaluation.comparison)
        shown += [wrapped("", f"Compared with {evaluation.comparison['with']}:"), *fitted(table)]
        shown += [wrapped(said) for said in [differing_text(evaluation.comparison)] if said]
    if speed := speed_text(evaluation.speed):
        shown.append(wrapped("", f"Speed: {speed}"))
    return shown


def heading(evaluation: EvaluationData) -> str:
    """What was evaluated, on what."""
    data = evaluation.manifest.get("data") or {}
    model = (evaluation.manifest.get("model") or {}).get("file")
    facts = [str(model)] if model else []
    if "images" in data and "objects" in data:
        facts.append(f"{count(data['images'])} images with {count(data['objects'])} objects")
    if evaluation.manifest.get("max_det"):
        facts.append(f"up to {evaluation.manifest['max_det']} detections an image")
    return ", ".join(facts) or "evaluation"


def wrapped(*texts: str) -> str:
    """Texts as lines of bounded length."""
    return "\n".join("\n".join(textwrap.wrap(text, WIDTH)) for text in texts)


def fitted(table: Table) -> list[Table]:
    """As many tables as the width asks for, each with the first column; names are made printable and cut."""
    if not table.rows:
        return []
    first = table.columns[0]
    lines = [{key: short(str(cell)) if key == first else cell for key, cell in row.items()} for row in table.rows]
    return Table(lines).fitted(WIDTH)


def short(name: str) -> str:
    """A name that is safe to print, cut to bounded length."""
    printable = "".join(char if char.isprintable() else "?" for char in str(name))
    return printable if len(printable) <= NAME_WIDTH else f"{printable[: NAME_WIDTH - 1]}…"
