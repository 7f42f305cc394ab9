# SPDX-License-Identifier: AGPL-3.0-or-later
"""The worst misses as cards: a crop with its boxes, what happened in words, and what the page filters and sorts by."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from yolo_fine.evaluation.metrics import SizeBin
from yolo_fine.evaluation.report.crops import Crop, cut, read_image, shrink
from yolo_fine.evaluation.report.matching import MATCH_IOU
from yolo_fine.evaluation.report.misses import Miss, Misses
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array

NEIGHBOURS = 60  # boxes drawn around a miss, at most
IN_PICTURE = 600  # boxes drawn in a whole image, at most
VIEWER = """<dialog id="picture" aria-label="Whole image">
<form method="dialog"><span class="said"></span><button>close</button></form>
<div class="frame"></div>
</dialog>"""


class Gallery:
    """The cards of the worst misses.

    Args:
        misses: The mistakes.
        truth: The annotated objects, with the images' files if they are available.
        detections: The detector's boxes.
        bins: Size bins, which the cards name by their index.
    """

    def __init__(self, misses: Misses, truth: GroundTruth, detections: Detections, bins: Sequence[SizeBin]) -> None:
        self.misses, self.truth, self.detections = misses, truth, detections
        self.size_index = {size.name: index for index, size in enumerate(bins)}
        self.whole: dict[int, str] = {}  # by image, a data URI

    def cards(self) -> str:
        """One ``figure`` element a miss, worst first. Each image is read once."""
        made: dict[int, str] = {}
        by_image: dict[int, list[int]] = {}
        for rank, miss in enumerate(self.misses.worst):
            by_image.setdefault(miss.image, []).append(rank)
        for index, ranks in by_image.items():
            size = self.truth.sizes[index].tolist()
            image = read_image(self.truth.files[index], size) if self.truth.files else None
            if image is not None:
                self.whole[index] = shrink(image, len(by_image))
            for rank in ranks:
                made[rank] = self._card(rank, cut(self.misses.worst[rank], size, image))
        return "".join(made[rank] for rank in sorted(made))

    def _card(self, rank: int, crop: Crop) -> str:
        miss = self.misses.worst[rank]
        said, name = escape(self.describe(miss)), escape(self.truth.names[miss.image])
        subject, partner = ("object", "detection") if miss.kind == "missed" else ("detection", "object")
        boxes = self._neighbours(miss, crop)
        boxes += [_box(miss.box, crop, kind) for kind in ("shadow", f"{subject} subject")]
        if miss.partner_box is not None:
            boxes.append(_box(miss.partner_box, crop, partner))
        alt = f"{miss.kind}: {said}, in {name}"
        shown = f'<i class="blank" role="img" aria-label="{alt}"></i>'
        if crop.jpeg:
            shown = f'<img alt="{alt}" src="{crop.jpeg}">'
        facts = {
            "rank": rank,
            "image": miss.image,
            "crop": f"{crop.left:g} {crop.top:g} {crop.width:g} {crop.height:g}",
            "kind": miss.kind,
            "size": self.size_index.get(miss.size, ""),
            "classes": " ".join(str(category) for category in self.categories(miss)),
            "side": f"{miss.side:.2f}",
            "score": -1 if miss.score is None else f"{miss.score:.5f}",
            "iou": f"{miss.iou:.4f}",
        }
        data = " ".join(f'data-{key}="{value}"' for key, value in facts.items())
        drawn = f'<svg viewBox="0 0 {crop.width:g} {crop.height:g}" aria-hidden="true">{"".join(boxes)}</svg>'
        if crop.jpeg:
            drawn += '<button class="enlarge" type="button" aria-label="whole image"></button>'
        where = f'<span title="{name}">{name}</span> <span>{miss.side:.0f} px</span>'
        return (
            f'<figure class="miss" {data}><div class="crop">{shown}{drawn}</div>'
            f'<figcaption><b>{miss.kind}</b> {said}<span class="where">{where}</span></figcaption></figure>'
        )

    def pictures(self) -> str:
        """What a click on a crop opens: the whole images with their boxes. Call it after :meth:`cards`."""
        if not self.whole:
            return ""
        held = []
        for index, jpeg in sorted(self.whole.items()):
            width, height = self.truth.sizes[index].tolist()
            boxes = "".join(_box(box, Crop(0, 0, width, height, None), kind) for box, kind in self._boxes(index))
            drawn = f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{boxes}<rect class="here"/></svg>'
            name = escape(self.truth.names[index])
            held.append(f'<div data-image="{index}" data-src="{jpeg}" data-name="{name}">{drawn}</div>')
        return f'<div id="pictures" hidden>{"".join(held)}</div>{VIEWER}'

    def _boxes(self, index: int) -> list[tuple[Array, str]]:
        """All boxes of an image: annotated objects, unjudged regions, detections at the confidence."""
        width, height = self.truth.sizes[index].tolist()
        return self._boxes_in(index, Crop(0, 0, width, height, None))[:IN_PICTURE]

    def describe(self, miss: Miss) -> str:
        """What happened, in plain words."""
        name, score = self.truth.classes[miss.category], "" if miss.score is None else _confidence(miss.score)
        partner = "" if miss.partner_category is None else self.truth.classes[miss.partner_category]
        overlap = f"IoU {miss.iou:.2f}"
        if miss.kind == "missed":
            if not partner:
                return f"{name}, with no detection near it"
            if miss.category == miss.partner_category and miss.iou >= MATCH_IOU:
                return f"{name}, detected only at {score}, {overlap}"
            return f"{name}; nearest detection: {partner} at {score}, {overlap}"
        if miss.kind == "wrong class":
            return f"detected: {name} at {score}; annotated: {partner}; {overlap}"
        if miss.kind == "badly located":
            return f"{name} at {score}, {overlap} with the annotated box"
        if miss.kind == "duplicate":
            return f"{name} at {score}, one more box on a found object, {overlap}"
        near = f"nearest object: {partner}, {overlap}" if partner else "nothing annotated here"
        return f"{name} at {score}; {near}"

    def categories(self, miss: Miss) -> list[int]:
        """The classes under which a miss is found: with a wrong class, both."""
        if miss.kind == "wrong class" and miss.partner_category is not None:
            return [miss.category, miss.partner_category]
        return [miss.category]

    def _neighbours(self, miss: Miss, crop: Crop) -> list[str]:
        """Other boxes in the crop."""
        kinds = self._boxes_in(miss.image, crop)
        shown = [miss.box] if miss.partner_box is None else [miss.box, miss.partner_box]
        others = [(box, kind) for box, kind in kinds if not any(np.array_equal(box, other) for other in shown)]
        return [_box(box, crop, f"near {kind}") for box, kind in others[:NEIGHBOURS]]

    def _boxes_in(self, image: int, crop: Crop) -> list[tuple[Array, str]]:
        """Boxes in a part of an image: annotated objects, unjudged regions, detections at the confidence."""
        objects = _inside(image, self.truth, crop)
        known = np.isin(self.truth.category[objects], list(self.truth.classes)) & ~self.truth.crowd[objects]
        kinds = [(self.truth.boxes[row], "object") for row in objects[known]]
        kinds += [(self.truth.boxes[row], "region") for row in objects[~known]]
        rows = _inside(image, self.detections, crop)
        known = np.isin(self.detections.category[rows], list(self.truth.classes))
        rows = rows[known & (self.detections.score[rows] >= self.misses.confidence)]
        return [*kinds, *((box, "detection") for box in self.detections.boxes[rows])]


def _inside(image: int, boxes: GroundTruth | Detections, crop: Crop) -> Array:
    """Rows of the boxes of an image that reach into the crop."""
    rows = np.arange(*np.searchsorted(boxes.image, [image, image + 1]))
    left, top, width, height = boxes.boxes[rows].T
    in_x = (left < crop.left + crop.width) & (left + width > crop.left)
    inside: Array = rows[in_x & (top < crop.top + crop.height) & (top + height > crop.top)]
    return inside


def _box(box: Array, crop: Crop, kind: str) -> str:
    x, y = box[0] - crop.left, box[1] - crop.top
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{box[2]:.1f}" height="{box[3]:.1f}"/>'


def _confidence(score: float) -> str:
    return f"{score:.2f}" if score >= 0.1 else f"{score:.3f}"
