# SPDX-License-Identifier: AGPL-3.0-or-later
"""The section of the worst misses: all of them counted, filters, and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from yolo_fine.evaluation.metrics import EvaluationData, SizeBin
from yolo_fine.evaluation.report.gallery import Gallery
from yolo_fine.evaluation.report.html import table_html
from yolo_fine.evaluation.report.misses import Misses, find_misses
from yolo_fine.evaluation.report.mistakes import KINDS
from yolo_fine.evaluation.report.rows import Number
from yolo_fine.evaluation.report.sections import note_of
from yolo_fine.evaluation.report.wording import count, percent
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.tables import Table


def misses_section(
    template: Template, evaluation: EvaluationData, truth: GroundTruth, detections: Detections, limit: int
) -> str:
    """The section as HTML; empty without objects and detections.

    Args:
        template: ``misses.html``.
        evaluation: For its size bins.
        truth: The annotated objects.
        detections: The detector's boxes.
        limit: How many misses to show.
    """
    if not len(truth) and not len(detections):
        return ""
    misses = find_misses(truth, detections, evaluation.sizes, limit=limit)
    gallery = Gallery(misses, truth, detections, evaluation.sizes)
    recall = percent(misses.found / misses.objects if misses.objects else None, 1)
    precision = percent(misses.found / misses.detections if misses.detections else None, 1)
    note = (
        f"Detections at confidence {misses.confidence:.3g} and above, where F1 over all classes is best: they find "
        f"{count(misses.found)} of {count(misses.objects)} objects ({recall} %), and {precision} % of these "
        f"{count(misses.detections)} detections are right, at IoU 0.50. Boxes half or more in a region without "
        "annotations are not judged."
    )
    cards = gallery.cards()
    shown = template.substitute(
        choices(gallery, evaluation.sizes),
        shown=len(misses.worst),
        cards=cards,
        pictures=gallery.pictures(),
        images="" if truth.files else note_of("The images are not available: boxes only."),
    )
    return f"{note_of(note)}{totals(misses, evaluation.sizes)}{shown if misses.worst else ''}"


def totals(misses: Misses, bins: Sequence[SizeBin]) -> str:
    """A table of all misses, also of those that are not shown: kind by size bin."""
    sizes = [size.name for size in bins]
    if any("" in by_size for by_size in misses.counts.values()):
        sizes.append("")
    rows = []
    for kind, by_size in misses.counts.items():
        numbers = {size or "other": Number(by_size.get(size, 0), 0) for size in sizes}
        rows.append({"": kind, "what": KINDS[kind], **numbers, "all": Number(sum(by_size.values()), 0)})
    return table_html(Table(rows))


def choices(gallery: Gallery, bins: Sequence[SizeBin]) -> dict[str, str]:
    """The choices of the filters ``kinds``, ``classes`` and ``sizes``: those that occur among the cards."""
    worst = gallery.misses.worst
    kinds, sizes = {miss.kind for miss in worst}, {miss.size for miss in worst}
    classes = gallery.truth.classes.items()
    categories = {category for miss in worst for category in gallery.categories(miss)}
    return {
        "kinds": "".join(_option(kind, kind) for kind in KINDS if kind in kinds),
        "classes": "".join(_option(number, name) for number, name in classes if number in categories),
        "sizes": "".join(_option(index, size.name) for index, size in enumerate(bins) if size.name in sizes),
    }


def _option(value: str | int, text: str) -> str:
    return f'<option value="{value}">{escape(text)}</option>'
