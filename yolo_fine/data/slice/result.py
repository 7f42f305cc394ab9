# SPDX-License-Identifier: AGPL-3.0-or-later
"""The result of ``yolo-fine data slice``: counts by size before and after, and what training sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_fine.data.check.size_histogram import bin_limits
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True)
class SizeCount:
    """Objects of one size bin, by the square root of the area in pixels of the stored image.

    Attributes:
        size: Name of the bin.
        before: Objects of the training images.
        after: Labels of the new set. An object in an overlap has several, a part counts by its own size.
        in_none: Objects that no image of the new set has a label of.
    """

    size: str
    before: int
    after: int
    in_none: int


@dataclass(frozen=True)
class UnseenBin:
    """Objects of one size at the network's input.

    Attributes:
        size: The bin.
        before: Objects in whole images.
        after: Labels in slices.
        unseen_before: Share without candidate anchor, whole images; None without objects.
        unseen_after: The same in slices.
        contested_before: Share whose candidates all are another object's too, whole images; None without objects.
        contested_after: The same in slices.
    """

    size: str
    before: int
    after: int
    unseen_before: float | None
    unseen_after: float | None
    contested_before: float | None
    contested_after: float | None


@dataclass(frozen=True)
class Unseen:
    """What training can't see, before and after.

    Attributes:
        imgsz: Side of the network's input.
        rule: Rule by which small sides count, as ``yolo-fine assign`` names it.
        strides: Of the head.
        before: Share of the objects without candidate, whole images.
        after: The same of the labels of the new set.
        contested_before: Share whose candidates all are another object's too.
        contested_after: The same of the new set.
        bins: By size in pixels of the network's input.
        other_rules: The shares without candidate, before and after, under the rules of other releases.
    """

    imgsz: int
    rule: str
    strides: list[float]
    before: float
    after: float
    contested_before: float
    contested_after: float
    bins: list[UnseenBin]
    other_rules: dict[str, list[float]]


@dataclass(frozen=True, repr=False)
class SlicedSet(Result):
    """A training set of slices.

    Attributes:
        root: Its folder.
        yaml: The Ultralytics dataset file inside.
        settings: The arguments that made it.
        images: Training images before.
        slices: Training images after, of which
        unchanged: are whole images, linked,
        empty: hold no object.
        empty_left_out: Slices without objects that were thinned out.
        ignored_left_out: Slices without objects that ignored regions cover by half or more.
        sizes: Objects by size.
        untouched: Images of the other splits.
        created: Whether this call wrote it; False when it was there already.
        unseen: What training can't see; None where that was not counted.
    """

    root: Path
    yaml: Path
    settings: dict[str, Any]
    images: int
    slices: int
    unchanged: int
    empty: int
    empty_left_out: int
    ignored_left_out: int
    sizes: list[SizeCount]
    untouched: dict[str, int]
    created: bool
    unseen: Unseen | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, as ``json=`` writes them."""
        return {**asdict(self), "root": str(self.root), "yaml": str(self.yaml)}

    def table(self) -> Sequence[Row]:
        """A row a size bin, and the sum."""
        rows = [*self.sizes, SizeCount("all", *(sum(getattr(one, key) for one in self.sizes) for key in COUNTS))]
        return [
            {
                "size": one.size if one.size == "all" else f"{one.size} ({bin_limits(one.size)} px)",
                "objects before": f"{one.before:,}",
                "labels after": f"{one.after:,}",
                "in no slice": f"{one.in_none:,}",
            }
            for one in rows
        ]

    def unseen_table(self) -> Sequence[Row]:
        """A row a size bin at the network's input: what training can't see."""
        assert self.unseen is not None
        return [
            {
                "size at the input (px)": one.size,
                "objects before": f"{one.before:,}",
                "labels after": f"{one.after:,}",
                "unseen before %": _percent(one.unseen_before),
                "unseen after %": _percent(one.unseen_after),
                "contested before %": _percent(one.contested_before),
                "contested after %": _percent(one.contested_after),
            }
            for one in self.unseen.bins
        ]

    def summary(self) -> str:
        """How many slices there are, what training sees, and where the set is."""
        kinds = [f"{self.unchanged:,} whole images" if self.unchanged else "", f"{self.empty:,} without objects"]
        lines = [
            f"{self.images:,} training images became {self.slices:,} ({', '.join(kind for kind in kinds if kind)})",
            f"left out: {self.empty_left_out:,} slices without objects, {self.ignored_left_out:,} in ignored regions",
        ]
        if lost := sum(one.in_none for one in self.sizes):
            remedy = "" if self.settings["originals"] else "; originals=True keeps whole images beside"
            lines.append(f"{lost:,} objects are in no slice by {self.settings['visible']:.0%} or more{remedy}")
        if self.unseen is not None:
            found = self.unseen
            lines.append(
                f"at {found.imgsz} px training can't see {found.before:.2%} of the objects in whole images, "
                f"{found.after:.2%} of those in slices (rule {found.rule}, strides "
                f"{', '.join(f'{stride:g}' for stride in found.strides)}); {found.contested_before:.1%} and "
                f"{found.contested_after:.1%} have no anchor of their own"
            )
            others = [f"{name} {before:.2%} and {after:.2%}" for name, (before, after) in found.other_rules.items()]
            lines.append(f"unseen under the rules of other releases: {', '.join(others)}")
        lines += [f"{name}: {count:,} images, untouched" for name, count in self.untouched.items()]
        lines.append(f"{'written' if self.created else 'already there, nothing to do'}: {self.yaml}")
        return "\n".join(lines)

    def show(self) -> list[str | Table]:
        """Counts by size, what training sees by size at the network's input, and the summary."""
        parts: list[str | Table] = [Table(self.table(), title="by size in pixels of the image")]
        if self.unseen is not None:
            parts.append(Table(self.unseen_table(), title=f"what training can't see at {self.unseen.imgsz} px"))
        return [*parts, self.summary()]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.2f}"


COUNTS = ("before", "after", "in_none")
