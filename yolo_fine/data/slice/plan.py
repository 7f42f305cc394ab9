# SPDX-License-Identifier: AGPL-3.0-or-later
"""What will be written, decided before an image is decoded: slices, their labels, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from yolo_fine.data.slice.clip import INSIDE, clip_boxes, clip_shape, to_pixels, to_shares
from yolo_fine.data.slice.layout import lay_out
from yolo_fine.data.slice.regions import Annotations, annotations_of_slice, ignored_boxes, read_beside
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.formats.yolo_labels import BOX, read_labels
from yolo_fine.formats.yolo_layout import label_file, read_text
from yolo_fine.formats.yolo_shapes import Shape, read_shapes, shape_line
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import covered
from yolo_fine.utils.console import track

LEAST_SIDE = 2.0  # pixels of what is left of an object that is cut
IGNORED_SHARE = 0.5  # of a slice without objects, from which it is none to learn the background from
NO_BOXES = np.zeros((0, 4))


@dataclass(frozen=True)
class SliceRules:
    """How images are sliced; see :func:`yolo_fine.assigning.sliced_training.slice_dataset`."""

    size: int
    overlap: float
    visible: float
    empty: float
    ignored: str
    originals: bool
    lossless: bool
    seed: int


@dataclass(frozen=True)
class Slice:
    """One image of the new set.

    Attributes:
        name: Its path without suffix, relative to the image folder.
        place: Left, top, right, bottom in its source, shape (4,).
        unchanged: It is the whole source as it is.
        category: Class of each object that is kept, shape (objects,).
        boxes: Left, top, width, height in pixels of the slice, shape (objects, 4).
        source_rows: Index of each object among those of the source, shape (objects,).
        labels: Content of the label file; None takes that of the source.
        annotations: Content of the VisDrone annotation file; None takes that of the source, if there is one.
        fill: Regions to be filled with grey, in pixels of the slice, shape (regions, 4).
        ignored_share: Share of the slice that ignored regions cover.
    """

    name: str
    place: Array
    unchanged: bool
    category: Array
    boxes: Array
    source_rows: Array
    labels: str | None = None
    annotations: str | None = None
    fill: Array = field(default_factory=lambda: NO_BOXES)
    ignored_share: float = 0.0


@dataclass(frozen=True)
class SourceImage:
    """An image and what becomes of it."""

    file: Path
    annotation: Path | None
    slices: list[Slice]


@dataclass(frozen=True)
class Plan:
    """The whole set.

    Attributes:
        truth: The objects as they are.
        images: What becomes of each image.
        empty_left_out: Slices without objects that were thinned out.
        ignored_left_out: Slices without objects that ignored regions cover by half or more.
    """

    truth: GroundTruth
    images: list[SourceImage]
    empty_left_out: int
    ignored_left_out: int

    @property
    def slices(self) -> list[Slice]:
        """All slices, in order."""
        return [one for image in self.images for one in image.slices]

    def sliced_truth(self) -> GroundTruth:
        """The objects of the new set."""
        slices = self.slices
        boxes = np.concatenate([NO_BOXES, *(one.boxes for one in slices)])
        counts = [len(one.boxes) for one in slices]
        return replace(
            self.truth,
            names=tuple(one.name for one in slices),
            sizes=np.array([one.place[2:] - one.place[:2] for one in slices], dtype=np.int64).reshape(-1, 2),
            image=np.repeat(np.arange(len(slices)), counts),
            boxes=boxes,
            category=np.concatenate([np.zeros(0, np.int64), *(one.category for one in slices)]),
            area=boxes[:, 2] * boxes[:, 3],
            crowd=np.zeros(len(boxes), dtype=bool),
            files=None,
        )


def make_plan(truth: GroundTruth, keypoint_shape: Sequence[int], rules: SliceRules) -> Plan:
    """Decide what is written.

    Args:
        truth: The training images with their files, and the objects.
        keypoint_shape: As the YAML's ``kpt_shape``; zeros for none.
        rules: How to slice.

    Raises:
        DataError: Labels or annotations can't be sliced.
        ArgumentError: Ignored regions are to be filled, and there are none.
    """
    assert truth.files is not None
    original = read_beside(truth.files)
    if rules.ignored != "keep" and original is None:
        raise ArgumentError(
            f"ignored={rules.ignored} needs VisDrone's annotations in annotations/ beside images/ and labels/; "
            f"{truth.files[0]} has none"
        )
    if keypoint_shape[0] and keypoint_shape[1] != 3:
        raise DataError(
            f"kpt_shape: {list(keypoint_shape)} gives keypoints no visibility, and one that a slice doesn't hold can't "
            "be marked; add it (kpt_shape: [N, 3]), or train on whole images"
        )
    ends = np.searchsorted(truth.image, np.arange(len(truth.names) + 1))
    images = []
    pairs = track(zip(truth.names, truth.files, strict=True), len(truth.names), "planning")
    for index, (name, file) in enumerate(pairs):
        some = slice(ends[index], ends[index + 1])
        source = _Source(
            name=without_images(name),
            size=truth.sizes[index],
            category=truth.category[some],
            boxes=truth.boxes[some],
            shapes=_shapes(file, len(truth.classes), keypoint_shape, truth.sizes[index]),
            rows=None if original is None else original.rows[index],
        )
        images.append(SourceImage(file, _annotation(original, index), _slice_image(source, rules)))
    plan = _thin(Plan(truth, images, 0, 0), rules)
    _check_names(plan, rules)
    return plan


def without_images(name: str) -> str:
    """A name without folders called ``images``: the last one of a path decides where labels are looked for."""
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part != "images")).as_posix()


@dataclass(frozen=True)
class _Source:
    """One image's content; ``shapes`` in pixels, or None where all objects are plain boxes."""

    name: str
    size: Array
    category: Array
    boxes: Array
    shapes: list[Shape | None] | None
    rows: Array | None


def _annotation(original: Annotations | None, index: int) -> Path | None:
    return None if original is None else original.files[index]


def _shapes(file: Path, classes: int, keypoint_shape: Sequence[int], size: Array) -> list[Shape | None] | None:
    labels = label_file(file)
    if not labels.is_file() or all(len(line.split()) in (0, BOX) for line in read_text(labels).splitlines()):
        return None
    found = read_labels(labels, classes, keypoint_shape[0] * keypoint_shape[1])
    border = np.array([0, 0, *size], dtype=np.float64)
    shapes = [to_pixels(shape, size) for shape in read_shapes(labels, found, keypoint_shape)]
    return [
        clip_shape(shape, border)[0] if shape is not None and shape.polygon is not None else shape for shape in shapes
    ]


def _slice_image(source: _Source, rules: SliceRules) -> list[Slice]:
    """All slices of an image, also those without objects; the whole image first if it is kept beside them."""
    width, height = source.size.tolist()
    places = lay_out(width, height, rules.size, rules.overlap)
    regions = NO_BOXES if source.rows is None else ignored_boxes(source.rows)
    inside, _ = clip_boxes(source.boxes, np.array([0, 0, *source.size]))
    border = np.array([0, 0, *source.size])
    if rules.ignored == "keep" or not len(regions):
        rows = np.arange(len(inside))
        share = _covered_share(border, regions)
        whole = Slice(source.name, border, True, source.category, inside, rows, ignored_share=share)
    else:
        whole = _cut_out(source, inside, regions, border, rules)
    if len(places) == 1:
        return [whole]
    slices = [_cut_out(source, inside, regions, place, rules) for place in places]
    return [whole, *slices] if rules.originals else slices


def _cut_out(source: _Source, inside: Array, regions: Array, place: Array, rules: SliceRules) -> Slice:
    """One slice.

    Args:
        source: The image.
        inside: Its boxes, cut to it.
        regions: Its ignored regions.
        place: Left, top, right, bottom of the slice.
        rules: How to slice.
    """
    boxes, share = clip_boxes(inside, place)
    shapes: list[Shape | None] = [None] * len(boxes)
    if source.shapes is not None:
        for i, shape in enumerate(source.shapes):
            if shape is not None:
                shapes[i], around, left = clip_shape(shape, place)
                if around is not None and left is not None:
                    boxes[i], share[i] = around, left
    is_whole = share >= INSIDE
    if rules.ignored == "blank":
        share = share * (1 - covered(boxes, regions))
    kept = (share > 0) & (share >= rules.visible - 1e-9) & (is_whole | (boxes[:, 2:].min(axis=1) >= LEAST_SIDE))
    rows = np.flatnonzero(kept)
    corner, sides = place[:2], place[2:] - place[:2]
    moved = boxes[rows] - np.array([*corner, 0, 0])
    centres = np.concatenate([moved[:, :2] + moved[:, 2:] / 2, moved[:, 2:]], axis=1) / np.tile(sides, 2)
    lines = [
        shape_line(int(source.category[row]), centre, None if shape is None else to_shares(shape, place))
        for row, centre, shape in zip(rows, centres, [shapes[row] for row in rows], strict=True)
    ]
    left, top, right, bottom = place.tolist()
    is_all = [left, top, right, bottom] == [0, 0, *source.size.tolist()]
    return Slice(
        name=source.name if is_all else f"{source.name}_{left}_{top}_{right}_{bottom}",
        place=place,
        unchanged=False,
        category=source.category[rows],
        boxes=moved,
        source_rows=rows,
        labels="".join(lines),
        annotations=None if source.rows is None else annotations_of_slice(source.rows, place, rules.visible),
        fill=_fill(regions, place) if rules.ignored != "keep" else NO_BOXES,
        ignored_share=_covered_share(place, regions),
    )


def _fill(regions: Array, place: Array) -> Array:
    """Ignored regions in pixels of a slice."""
    boxes, share = clip_boxes(regions, place)
    found: Array = boxes[share > 0] - np.array([place[0], place[1], 0, 0])
    return found


def _covered_share(place: Array, regions: Array) -> float:
    box = np.array([[place[0], place[1], place[2] - place[0], place[3] - place[1]]], dtype=np.float64)
    return float(covered(box, regions)[0])


def _thin(plan: Plan, rules: SliceRules) -> Plan:
    """Keep of the slices without objects ``rules.empty`` times the number of those with objects, chosen by chance."""
    slices = plan.slices
    with_objects = sum(len(one.boxes) > 0 for one in slices)
    is_ignored = [not len(one.boxes) and one.ignored_share >= IGNORED_SHARE for one in slices]
    empty = [i for i, one in enumerate(slices) if not len(one.boxes) and not is_ignored[i]]
    wanted = min(len(empty), round(rules.empty * with_objects))
    chosen = set(np.random.default_rng(rules.seed).permutation(len(empty))[:wanted].tolist())
    left_out = {i for number, i in enumerate(empty) if number not in chosen}
    keep = [not is_ignored[i] and i not in left_out for i in range(len(slices))]
    number = iter(keep)
    images = [replace(image, slices=[one for one in image.slices if next(number)]) for image in plan.images]
    return replace(plan, images=images, empty_left_out=len(left_out), ignored_left_out=sum(is_ignored))


def _check_names(plan: Plan, rules: SliceRules) -> None:
    """Check that no two images get one name, and that there is anything.

    Raises:
        DataError: They do, or there is nothing.
    """
    owner: dict[str, Path] = {}
    for image in plan.images:
        for one in image.slices:
            if one.name in owner:
                raise DataError(
                    f"{owner[one.name]} and {image.file} would both give an image {one.name}; rename one of them"
                )
            owner[one.name] = image.file
    if not any(len(one.boxes) for one in plan.slices):
        raise DataError(
            f"no slice holds an object by {rules.visible:.0%} or more: size={rules.size} is too small for these objects"
        )
