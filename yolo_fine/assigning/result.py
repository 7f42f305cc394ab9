# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which objects training can see: the table, and how it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yolo_fine.utils.arrays import Array
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

EDGES = (0.0, 4.0, 8.0, 16.0, 32.0, 96.0, np.inf)  # of size bins, in pixels of the network's input; low <= size < high


@dataclass(frozen=True)
class Bin:
    """Objects of one size bin, or all of them.

    Attributes:
        low: Least size in pixels of the network's input; size is the square root of the area.
        high: Size below which they are; None for the last bin.
        objects: How many.
        empty_by_level: Share whose box holds no anchor centre, by level, without any floor.
        no_candidate: Share without a candidate on any level.
        few: Share with fewer than four candidates.
        mean: Mean number of candidates.
        contested: Share with candidates, all of which are another object's candidates too.
    """

    low: float
    high: float | None
    objects: int
    empty_by_level: list[float]
    no_candidate: float
    few: float
    mean: float
    contested: float

    @property
    def name(self) -> str:
        """``8-16``."""
        if self.high is None:
            return "all" if not self.low else f"{self.low:g}+"
        return f"{self.low:g}-{self.high:g}"

    def to_dict(self) -> dict[str, Any]:
        """Shares and counts by key."""
        return dict(vars(self))


@dataclass(frozen=True)
class LabelBin:
    """What the assigner gives objects of one size bin, with a model's own predictions.

    Attributes:
        name: The bin.
        objects: How many.
        positives: Mean number of anchors that are to find an object.
        no_positive: Share without any.
        vanishing: Share whose best soft label is below 0.01.
        best: Mean best soft label.
        loss_share: Share of all soft labels, which is the weight in the loss.
    """

    name: str
    objects: int
    positives: float
    no_positive: float
    vanishing: float
    best: float
    loss_share: float


@dataclass(frozen=True)
class Cure:
    """What another input size or head would do, under the same rule's kind.

    Attributes:
        what: ``imgsz=960`` or ``head=p2,p3,p4,p5``.
        no_candidate: Share without a candidate.
        contested: Share contested.
        cost: GFLOPs, relative to those of the model at the input size asked for; None where they can't be counted.
    """

    what: str
    no_candidate: float
    contested: float
    cost: float | None


@dataclass(frozen=True, repr=False)
class Assignment(Result):
    """Which objects training can see, at one input size.

    Attributes:
        data: The dataset.
        rule: Name of the rule.
        rule_words: The rule in words.
        imgsz: Side of the network's input.
        strides: Of the head's levels.
        overall: All objects.
        bins: By size.
        cures: What would help.
        other_releases: Share without candidate under the rules of other releases.
        labels: With weights: what the assigner gives.
        notes: What to know about the numbers.
    """

    data: str
    rule: str
    rule_words: str
    imgsz: int
    strides: list[float]
    overall: Bin
    bins: list[Bin]
    cures: list[Cure] = field(default_factory=list)
    other_releases: dict[str, float] = field(default_factory=dict)
    labels: list[LabelBin] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    limit: float | None = None

    @property
    def passed(self) -> bool:
        """Whether no more than ``limit`` percent are unseen; True without a limit."""
        return self.limit is None or 100 * self.overall.no_candidate <= self.limit

    def to_dict(self) -> dict[str, Any]:
        """All shares between 0 and 1."""
        own = {key: value for key, value in vars(self).items() if key not in ("overall", "bins", "cures", "labels")}
        return {
            **own,
            "objects": self.overall.objects,
            "no_candidate": self.overall.no_candidate,
            "contested": self.overall.contested,
            "bins": [one.to_dict() for one in self.bins],
            "cures": [vars(cure) for cure in self.cures],
            "labels": [vars(label) for label in self.labels],
        }

    def summary(self) -> str:
        """One sentence."""
        unseen = round(self.overall.no_candidate * self.overall.objects)
        return (
            f"{self.data} at {self.imgsz} px: training cannot see {unseen:,} of {self.overall.objects:,} objects "
            f"({self.overall.no_candidate:.1%}); another {self.overall.contested:.1%} have no anchor of their own"
        )

    def show(self) -> list[str | Table]:
        """Everything, for a terminal."""
        strides = ", ".join(f"{stride:g}" for stride in self.strides)
        parts: list[str | Table] = [f"rule {self.rule}: {self.rule_words} (strides {strides})", Table(self.table())]
        parts.append(self.summary())
        if self.cures:
            parts += [Table(self.cure_table(), title="what would change it"), self.advice()]
        if self.other_releases:
            others = ", ".join(f"{name} {share:.2%}" for name, share in self.other_releases.items())
            parts.append(f"no candidate under the rules of other releases: {others}")
        if self.labels:
            parts.append(Table(self.label_table(), title="what this model's own predictions are assigned"))
        return [*parts, *(f"note: {note}" for note in self.notes)]

    def cure_table(self) -> Sequence[Row]:
        """A row a change."""
        return [
            {
                "what": cure.what,
                "no candidate %": percent(cure.no_candidate),
                "contested %": percent(cure.contested),
                "GFLOPs ratio": None if cure.cost is None else f"{cure.cost:.2f}",
            }
            for cure in self.cures
        ]

    def advice(self) -> str:
        """The cheapest change that brings objects without candidate under 0.1 % and contested ones under 10 %."""
        good = [cure for cure in self.cures if cure.no_candidate < 0.001 and cure.contested < 0.1]
        if self.overall.no_candidate < 0.001 and self.overall.contested < 0.1:
            return "nothing needs to change: under 0.1 % have no candidate, under 10 % are contested"
        if not good:
            return "none of these brings objects without candidate under 0.1 % and contested ones under 10 %"
        cheapest = min(good, key=lambda cure: (cure.cost is None, cure.cost or 0.0))
        cost = "" if cheapest.cost is None else f", at {cheapest.cost:.1f} times the GFLOPs"
        return f"the cheapest that brings both under 0.1 and 10 %: {cheapest.what}{cost}"

    def label_table(self) -> Sequence[Row]:
        """A row a size bin of what the assigner gives."""
        return [
            {
                "size (px)": one.name,
                "objects": one.objects,
                "positives": f"{one.positives:.1f}",
                "none %": percent(one.no_positive),
                "best label below 0.01 %": percent(one.vanishing),
                "mean best label": f"{one.best:.3f}",
                "share of the loss %": percent(one.loss_share),
            }
            for one in self.labels
        ]

    def table(self) -> Sequence[Row]:
        """A row a size bin, shares in percent."""
        levels = [f"no centre, P{int(np.log2(stride))} %" for stride in self.strides]
        return [
            {
                "size (px)": one.name,
                "objects": f"{one.objects:,}",
                "share %": percent(one.objects / max(self.overall.objects, 1)),
                **dict(zip(levels, map(percent, one.empty_by_level), strict=True)),
                "no candidate %": percent(one.no_candidate),
                "under 4 %": percent(one.few),
                "mean": f"{one.mean:.1f}",
                "contested %": percent(one.contested),
            }
            for one in [*(one for one in self.bins if one.objects), self.overall]
        ]


@dataclass(frozen=True, repr=False)
class Assignments(Result):
    """The results for several input sizes."""

    results: list[Assignment]

    def __getitem__(self, place: int) -> Assignment:
        return self.results[place]

    def __len__(self) -> int:
        return len(self.results)

    @property
    def passed(self) -> bool:
        """Whether each one is."""
        return all(result.passed for result in self.results)

    def to_dict(self) -> list[dict[str, Any]]:
        """A list of the results."""
        return [result.to_dict() for result in self.results]

    def summary(self) -> str:
        """A sentence each."""
        return "\n".join(result.summary() for result in self.results)

    def table(self) -> Sequence[Row]:
        """Rows of all, with the input size."""
        return [{"imgsz": result.imgsz, **row} for result in self.results for row in result.table()]

    def show(self) -> list[str | Table]:
        """All of them."""
        return [part for result in self.results for part in (*result.show(), "")]


def percent(share: float) -> str:
    """A share in percent, one digit; two below one percent."""
    return f"{100 * share:.1f}" if share >= 0.01 or share == 0 else f"{100 * share:.2f}"


def make_bin(low: float, high: float | None, chosen: Array, *, counts: Array, empty: Array, fought_over: Array) -> Bin:
    """Shares of the chosen objects.

    Args:
        low: Least size.
        high: Size below which they are, or None.
        chosen: Shape (objects,), bool.
        counts: Candidates of each object, shape (objects,).
        empty: Whether a level has no centre in its box, shape (objects, levels).
        fought_over: Whether it is contested, shape (objects,).
    """
    n = int(chosen.sum())
    if not n:
        return Bin(low, high, 0, [0.0] * empty.shape[1], 0.0, 0.0, 0.0, 0.0)
    own = counts[chosen]
    return Bin(
        low=low,
        high=high,
        objects=n,
        empty_by_level=[float(share) for share in empty[chosen].mean(axis=0)],
        no_candidate=float((own == 0).mean()),
        few=float((own < 4).mean()),
        mean=float(own.mean()),
        contested=float(fought_over[chosen].mean()),
    )
