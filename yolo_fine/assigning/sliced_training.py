# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data slice``: a training set of slices, and what training sees of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from yolo_fine.assigning.assign import read_strides
from yolo_fine.assigning.count import Count, count_objects, share_unseen
from yolo_fine.assigning.rules import RELEASES, make_rule
from yolo_fine.data.slice.make import make_sliced_set
from yolo_fine.data.slice.plan import Plan, SliceRules
from yolo_fine.data.slice.result import SlicedSet, Unseen, UnseenBin
from yolo_fine.integration.stock_assigner import stock_rule
from yolo_fine.utils.calls import public
from yolo_fine.utils.constraints import Constraint, Share
from yolo_fine.utils.paths import StrPath

SliceSide = Annotated[int, Constraint("32 to 8192", lambda value: 32 <= value <= 8192)]
Overlap = Annotated[float, Constraint("from 0 to below 0.9", lambda value: 0 <= value < 0.9)]
Ratio = Annotated[float, Constraint("0 or more", lambda value: 0 <= value < 1e9)]


@public
def slice_dataset(
    data: StrPath,
    out: StrPath,
    *,
    size: SliceSide = 640,
    overlap: Overlap = 0.2,
    visible: Share = 0.3,
    empty: Ratio = 0.1,
    ignored: Literal["keep", "blank", "mask"] = "keep",
    originals: bool = False,
    lossless: bool = False,
    seed: int = 0,
    imgsz: SliceSide | None = None,
    strides: str = "8,16,32",
    json: StrPath | None = None,
) -> SlicedSet:
    """Make a training set of slices: overlapping squares of the training images, with the labels that lie in them.

    Images that fit into one slice, and the val and test images, are put into ``out`` as hard links where the file
    system can. VisDrone's annotations are sliced too, where the set has them. A run that was stopped or killed goes on
    where it was when it is started again with the same arguments; ``out`` appears when it is complete.

    Args:
        data: Dataset YAML, as Ultralytics takes it: boxes, polygons (segment, OBB) or keypoints with visibility.
        out: Folder to make. ``out/data.yaml`` is the new dataset.
        size: Side of a slice in pixels. Slices of half the ``imgsz`` of training show objects twice as large.
        overlap: Share of a slice that the next one covers again. What is smaller than the overlap is whole in a slice.
        visible: Least share of an object that has to be visible in a slice for a label there.
        empty: Slices without objects that are kept, as a share of the number of slices with objects.
        ignored: VisDrone's ignored regions: ``keep`` their pixels, ``blank`` them with grey (objects that they cover
            lose their labels as if they were cut), or ``mask`` all in them but labelled objects.
        originals: Whole images beside their slices, for objects that are larger than a slice.
        lossless: Write slices as PNG. By default those of JPEG files are JPEG of quality 95, all others PNG.
        seed: Of the choice of slices without objects.
        imgsz: Input size at which to count what training can't see; by default that of the slice.
        strides: Strides of the head's levels for that count.
        json: Write the result to this file too.

    Returns:
        Counts by size before and after, and the share that training can't see before and after.

    Raises:
        DataError: The dataset can't be sliced (the message names the file), or the disk has no room.
        ArgumentError: An argument can't be used, or ``out`` holds something else.
    """
    levels = read_strides(strides)
    rules = SliceRules(
        size=size, overlap=overlap, visible=visible, empty=empty, ignored=ignored, originals=originals,
        lossless=lossless, seed=seed,
    )  # fmt: skip
    made, plan = make_sliced_set(str(data), Path(out).expanduser().resolve(), rules)
    result = replace(made, unseen=count_unseen(plan, imgsz or size, levels))
    if json is not None:
        result.to_json(json)
    return result


def count_unseen(plan: Plan, imgsz: int, strides: list[float]) -> Unseen:
    """What training can't see of a set before and after it is sliced, under the rule of the installed release."""
    rule = make_rule(stock_rule(), strides)
    truths = (plan.truth, plan.sliced_truth())
    before, after = (count_objects(truth, imgsz, strides, rule) for truth in truths)
    others = {}
    for release in RELEASES:
        if release != rule.name:
            others[release] = [share_unseen(truth, imgsz, strides, make_rule(release, strides)) for truth in truths]
    return Unseen(
        imgsz=imgsz,
        rule=rule.name,
        strides=strides,
        before=before.overall.no_candidate,
        after=after.overall.no_candidate,
        contested_before=before.overall.contested,
        contested_after=after.overall.contested,
        bins=_by_size(before, after),
        other_rules=others,
    )


def _by_size(before: Count, after: Count) -> list[UnseenBin]:
    pairs = zip([*before.bins, before.overall], [*after.bins, after.overall], strict=True)
    return [
        UnseenBin(
            size=first.name,
            before=first.objects,
            after=second.objects,
            unseen_before=first.no_candidate if first.objects else None,
            unseen_after=second.no_candidate if second.objects else None,
            contested_before=first.contested if first.objects else None,
            contested_after=second.contested if second.objects else None,
        )
        for first, second in pairs
        if first.objects or second.objects
    ]
