# SPDX-License-Identifier: AGPL-3.0-or-later
"""The worst misses as cards: a crop with its boxes, what happened in words, and what the page filters and sorts by."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from yolo_fine.evaluation.evaluation import SizeBin
from yolo_fine.evaluation.objects import Detections, GroundTruth
from yolo_fine.evaluation.report.crops import Crop, cut, read_picture
from yolo_fine.evaluation.report.misses import KINDS, MATCH_IOU, Miss, Misses
from yolo_fine.evaluation.report.wording import count

NEIGHBOURS = 60  # boxes drawn around a miss, at most


def cards(misses: Misses, truth: GroundTruth, detections: Detections, bins: Sequence[SizeBin]) -> str:
    """One figure element a miss, worst first. Each picture is read once."""
    made: dict[int, str] = {}
    by_picture: dict[int, list[int]] = {}
    for rank, miss in enumerate(misses.worst):
        by_picture.setdefault(miss.picture, []).append(rank)
    for index, ranks in by_picture.items():
        picture = read_picture(truth.files[index], truth.sizes[index]) if truth.files else None
        for rank in ranks:
            miss = misses.worst[rank]
            crop = cut(miss, truth.sizes[index].tolist(), picture)
            around = _neighbours(miss, crop, truth, detections, misses.confidence)
            made[rank] = _card(rank, miss, crop, around, truth, bins, misses.confidence)
    return "".join(made[rank] for rank in sorted(made))


def totals(misses: Misses, bins: Sequence[SizeBin]) -> str:
    """A table of all misses, also of those that are not shown: kind by size bin."""
    sizes = [size.name for size in bins]
    if any("" in by_size for by_size in misses.counts.values()):
        sizes.append("")
    head = "".join(f'<th scope="col">{escape(size or "other")}</th>' for size in sizes)
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th><td class="words">{escape(KINDS[kind])}</td>'
        + "".join(f"<td>{count(by_size.get(size, 0))}</td>" for size in sizes)
        + f'<td class="figure">{count(sum(by_size.values()))}</td></tr>'
        for kind, by_size in misses.counts.items()
    )
    return (
        f'<div class="wide"><table><thead><tr><th scope="col"></th><th scope="col" class="words">what it is</th>{head}'
        f'<th scope="col">all</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def options(misses: Misses, truth: GroundTruth, bins: Sequence[SizeBin]) -> dict[str, str]:
    """The choices of the three filters, of what is among the cards: ``kinds``, ``classes`` and ``sizes``."""
    kinds = {miss.kind for miss in misses.worst}
    categories = {category for miss in misses.worst for category in _categories(miss)}
    sizes = {miss.size for miss in misses.worst}
    return {
        "kinds": "".join(f'<option value="{escape(kind)}">{escape(kind)}</option>' for kind in KINDS if kind in kinds),
        "classes": "".join(
            f'<option value="{category}">{escape(name)}</option>'
            for category, name in truth.classes.items()
            if category in categories
        ),
        "sizes": "".join(
            f'<option value="{index}">{escape(size.name)}</option>'
            for index, size in enumerate(bins)
            if size.name in sizes
        ),
    }


def describe(miss: Miss, truth: GroundTruth, confidence: float) -> str:
    """One sentence on what happened, in plain words."""
    name = truth.classes[miss.category]
    partner = None if miss.partner_category is None else truth.classes[miss.partner_category]
    if miss.kind == "missed":
        if partner is None:
            return f"{name}, with no detection near it"
        if miss.category == miss.partner_category and miss.iou >= MATCH_IOU and (miss.score or 0) < confidence:
            return f"{name}, detected only at confidence {miss.score:.3f}, IoU {miss.iou:.2f}"
        return f"{name}; nearest detection: {partner} at {miss.score:.2f}, IoU {miss.iou:.2f}"
    detected = f"{name} at {miss.score:.2f}"
    if miss.kind == "wrong class":
        return f"detected: {detected}; annotated: {partner}; IoU {miss.iou:.2f}"
    if miss.kind == "badly located":
        return f"{detected}, IoU {miss.iou:.2f} with the annotated box"
    if miss.kind == "duplicate":
        return f"{detected}, second box on a found object, IoU {miss.iou:.2f}"
    return (
        f"{detected}; nearest object: {partner}, IoU {miss.iou:.2f}"
        if partner
        else f"{detected}, nothing annotated here"
    )


def _card(
    rank: int, miss: Miss, crop: Crop, around: str, truth: GroundTruth, bins: Sequence[SizeBin], confidence: float
) -> str:
    said, name = describe(miss, truth, confidence), truth.names[miss.picture]
    size = next((str(index) for index, size in enumerate(bins) if size.name == miss.size), "")
    is_object = miss.kind == "missed"
    boxes = _box(miss.box, crop, "object subject" if is_object else "detection subject")
    if miss.partner_box is not None:
        boxes += _box(miss.partner_box, crop, "detection" if is_object else "object")
    alt = escape(f"{miss.kind}: {said}, in {name}")
    image = (
        f'<img alt="{alt}" src="{crop.jpeg}">'
        if crop.jpeg
        else f'<span class="blank" role="img" aria-label="{alt}"></span>'
    )
    return (
        f'<figure class="miss" data-rank="{rank}" data-kind="{escape(miss.kind)}" data-size="{size}" '
        f'data-classes="{" ".join(str(category) for category in _categories(miss))}" data-side="{miss.side:.2f}" '
        f'data-score="{-1 if miss.score is None else round(miss.score, 5)}" data-iou="{miss.iou:.4f}">'
        f'<div class="crop">{image}<svg viewBox="0 0 {crop.width:g} {crop.height:g}" aria-hidden="true">{around}{boxes}</svg></div>'
        f"<figcaption><b>{escape(miss.kind)}</b> {escape(said)}"
        f'<span class="where"><span title="{escape(name)}">{escape(name)}</span> {miss.side:.0f} px</span></figcaption></figure>'
    )


def _neighbours(miss: Miss, crop: Crop, truth: GroundTruth, detections: Detections, confidence: float) -> str:
    """Other boxes in the crop, thin: unjudged regions, annotated objects, detections at the confidence."""
    parts = []
    rows = _inside(miss.picture, truth.picture, truth.boxes, crop)
    known = np.isin(truth.category[rows], list(truth.classes)) & ~truth.crowd[rows]
    for row, is_object in zip(rows.tolist(), known.tolist(), strict=True):
        if not np.array_equal(truth.boxes[row], miss.box):
            parts.append(_box(truth.boxes[row], crop, "near object" if is_object else "near region"))
    rows = _inside(miss.picture, detections.picture, detections.boxes, crop)
    rows = rows[(detections.score[rows] >= confidence) & np.isin(detections.category[rows], list(truth.classes))]
    parts += [_box(box, crop, "near detection") for box in detections.boxes[rows] if not np.array_equal(box, miss.box)]
    return "".join(parts[:NEIGHBOURS])


def _inside(picture: int, pictures: np.ndarray, boxes: np.ndarray, crop: Crop) -> np.ndarray:
    rows = np.arange(*np.searchsorted(pictures, [picture, picture + 1]))
    box = boxes[rows]
    in_x = (box[:, 0] < crop.left + crop.width) & (box[:, 0] + box[:, 2] > crop.left)
    in_y = (box[:, 1] < crop.top + crop.height) & (box[:, 1] + box[:, 3] > crop.top)
    return rows[in_x & in_y]


def _box(box: np.ndarray, crop: Crop, kind: str) -> str:
    x, y = box[0] - crop.left, box[1] - crop.top
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{box[2]:.1f}" height="{box[3]:.1f}"/>'


def _categories(miss: Miss) -> list[int]:
    """The classes that a miss is about: those of its box and of its partner, where that is the other half of the mistake."""
    if miss.kind == "wrong class" and miss.partner_category is not None:
        return [miss.category, miss.partner_category]
    return [miss.category]
