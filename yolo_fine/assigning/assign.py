# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine assign``: which objects training can see, under which rule, and what would change it."""

from __future__ import annotations

from dataclasses import replace

from yolo_fine.assigning.count import count_objects, share_unseen
from yolo_fine.assigning.cures import find_cures
from yolo_fine.assigning.labels import count_labels
from yolo_fine.assigning.result import Assignment, Assignments
from yolo_fine.assigning.rules import RELEASES, make_rule
from yolo_fine.errors import ArgumentError
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.models import open_model
from yolo_fine.integration.stock_assigner import stock_rule
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import ModelSource, StrPath

AUGMENTED = (
    "without augmentation: scale=0.5 (Ultralytics' default) makes an object 0.5 to 1.5 times as large, another size "
    "each time it is seen"
)


@public
def assignment(
    data: StrPath,
    model: ModelSource | None = None,
    *,
    split: str = "train",
    imgsz: int | str | list[int] = 640,
    strides: str = "8,16,32",
    rule: str = "stock",
    weights: bool = False,
    images: int = 40,
    limit: float | None = None,
    json: StrPath | None = None,
    plot: StrPath | None = None,
) -> Assignment | Assignments:
    """Count which objects of a dataset training can see: how many anchors lie in each, by size and level.

    An object without a candidate anchor is never learnt from. Small objects lose theirs first. Ultralytics enlarges
    them before it looks, by a rule that has changed twice between releases and follows the head's strides.

    Args:
        data: Dataset YAML, as Ultralytics takes it.
        model: A model YAML or checkpoint, whose strides count. Without it, ``strides`` do.
        split: Split of the dataset.
        imgsz: Side of the network's input in pixels; several as ``640,960``.
        strides: Strides of the head's levels where no model is given.
        rule: ``stock`` (that of the installed release), ``8.3``, ``8.4.0``, ``8.4.190``, or ``floor=N``.
        weights: Also run the model on some images, and see what its own predictions are assigned.
        images: How many images that is.
        limit: Exit code 1 if more than this many percent of the objects have no candidate.
        json: Write the result to this file too; a list where there are several input sizes.
        plot: Draw the share unseen by size to this ``.png`` file.

    Returns:
        The result for one input size, or those for several.

    Raises:
        DataError: The dataset can't be read or has no objects.
        ArgumentError: An argument can't be used, or two can't be used together.
    """
    sizes = read_sizes(imgsz)
    if weights and model is None:
        raise ArgumentError("weights=True runs a model; name it with model=best.pt")
    detector = None if model is None else open_model(model)
    levels = read_strides(strides) if detector is None else [float(s) for s in detector.model.model[-1].stride]
    chosen = make_rule(stock_rule() if rule == "stock" else rule, levels)
    truth = read_split(str(data), split)
    results = []
    for size in sizes:
        count = count_objects(truth, size, levels, chosen)
        others = {
            release: share_unseen(truth, size, levels, make_rule(release, levels))
            for release in RELEASES
            if release != chosen.name
        }
        found = Assignment(
            data=f"{data} ({split})", rule=chosen.name, rule_words=chosen.words, imgsz=size, strides=levels,
            overall=count.overall, bins=count.bins, other_releases=others, notes=[*count.notes, AUGMENTED], limit=limit,
        )  # fmt: skip
        found = replace(found, cures=find_cures(truth, found, detector))
        if weights:
            labels, note = count_labels(detector, truth, size, images, None if rule == "stock" else chosen)
            found = replace(found, labels=labels, notes=[*found.notes, note])
        results.append(found)
    result = results[0] if len(results) == 1 else Assignments(results)
    if json is not None:
        result.to_json(json)
    if plot is not None:
        from yolo_fine.assigning.plot import draw

        draw(results, plot)
    return result


def read_sizes(imgsz: int | str | list[int]) -> list[int]:
    """``640`` or ``640,960`` as numbers.

    Raises:
        ArgumentError: They are none, or out of range.
    """
    words = imgsz if isinstance(imgsz, list) else str(imgsz).strip("[]()").split(",")
    try:
        sizes = [int(word) for word in words]
    except ValueError:
        raise ArgumentError(f"imgsz={imgsz} must be a number of pixels, or several as 640,960") from None
    for size in sizes:
        if not 32 <= size <= 8192:
            raise ArgumentError(f"imgsz={size} must be 32 to 8192")
    return sizes


def read_strides(strides: str) -> list[float]:
    """``8,16,32`` as numbers.

    Raises:
        ArgumentError: They are none, or do not ascend.
    """
    try:
        levels = [float(word) for word in strides.split(",")]
    except ValueError:
        levels = []
    if not levels or levels != sorted(set(levels)) or not all(1 <= level <= 1024 for level in levels):
        raise ArgumentError(f"strides={strides} must be ascending numbers, as 8,16,32")
    return levels
