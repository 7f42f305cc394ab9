# SPDX-License-Identifier: AGPL-3.0-or-later
"""The result of ``yolo-fine data check``, and how it reads on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_fine.data.check.size_histogram import EDGES, SIZE_BINS, bin_limits
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

SHOWN = 3  # examples of a finding on the terminal; the JSON has all
SHOWN_CLASSES = 30


@dataclass(frozen=True)
class SplitStatistics:
    """What a split holds.

    Attributes:
        images: Number of images.
        without_labels: Images that have no label file.
        without_objects: Images whose label file is empty.
        objects: Sound label rows.
        median_side: Median side of the objects in pixels; None without objects.
        by_size: Size bin -> objects.
        by_class: Class name -> objects.
        histogram: Objects between two neighbouring ``edges``.
    """

    images: int
    without_labels: int
    without_objects: int
    objects: int
    median_side: float | None
    by_size: dict[str, int]
    by_class: dict[str, int]
    histogram: list[int]


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found.

    Attributes:
        problem: True if it makes the check fail, False if it is worth knowing.
        what: What it is, in words, with its number and splits.
        examples: All cases, each with its file.
    """

    problem: bool
    what: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class DatasetCheck(Result):
    """The whole result. ``sound`` says that nothing was found that makes the check fail."""

    data: str
    classes: tuple[str, ...]
    splits: dict[str, SplitStatistics]
    findings: list[Finding]
    image: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return self.sound

    @property
    def sound(self) -> bool:
        """Whether there is no problem."""
        return not any(finding.problem for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, as ``json=`` writes them."""
        bins = {name: [low, None if high == float("inf") else high] for name, (low, high) in SIZE_BINS.items()}
        content = {**asdict(self), "image": None if self.image is None else str(self.image)}
        return {"sound": self.sound, **content, "size_bins": bins, "edges": [round(edge, 3) for edge in EDGES]}

    def table(self) -> Sequence[Row]:
        """Counts of each split."""
        columns = ("images", "without_labels", "objects", "median_side")
        return [{"split": name, **{key: getattr(split, key) for key in columns}} for name, split in self.splits.items()]

    def show(self) -> list[str | Table]:
        """Counts, sizes, classes and findings."""
        verdict = "no problems found" if self.sound else "problems found"
        return [*check_lines(self), "", verdict if self.image is None else f"{verdict}; image: {self.image}"]

    def summary(self) -> str:
        """Counts of each split, and the first problems."""
        lines = [f"{self.data}: {'no problems found' if self.sound else 'problems found'}"]
        lines += [f"{name}: {s.images:,} images, {s.objects:,} objects" for name, s in self.splits.items()]
        return "\n".join([*lines, *(finding.what for finding in self.findings if finding.problem)][:10])


def check_lines(check: DatasetCheck) -> list[str]:
    """The result as lines of text."""
    splits = check.splits
    wide = max([26, *(len(name) + 4 for name in check.classes)])
    lines = [check.data, "", " " * wide + "".join(f"{name:>18}" for name in splits)]

    def row(label: str, cells: list[str]) -> None:
        lines.append(f"{label:<{wide}}" + "".join(f"{cell:>18}" for cell in cells))

    row("images", [f"{split.images:,}" for split in splits.values()])
    row("  without label file", [f"{split.without_labels:,}" for split in splits.values()])
    row("  without objects", [f"{split.without_objects:,}" for split in splits.values()])
    row("objects", [f"{split.objects:,}" for split in splits.values()])
    row("  per image", [f"{split.objects / max(split.images, 1):.1f}" for split in splits.values()])
    row("  median side, px", ["-" if s.median_side is None else f"{s.median_side:.1f}" for s in splits.values()])
    lines += ["", "size (side = square root of the area, px)"]
    for name in SIZE_BINS:
        row(f"  {name:<10} {bin_limits(name)}", [_share(s.by_size[name], s.objects) for s in splits.values()])
    lines += ["", "class"]
    largest = {name: max([split.by_class[name] for split in splits.values()], default=0) for name in check.classes}
    most = sorted((name for name in check.classes if largest[name]), key=largest.__getitem__, reverse=True)
    for name in [name for name in check.classes if name in most[:SHOWN_CLASSES]]:
        row(f"  {name}", [_share(split.by_class[name], split.objects) for split in splits.values()])
    if len(most) > SHOWN_CLASSES:
        lines.append(f"  and {len(most) - SHOWN_CLASSES} rarer classes")
    if len(most) < len(check.classes):
        lines.append(f"  {len(check.classes) - len(most)} of the {len(check.classes)} classes occur nowhere")
    for title, problem in (("problems", True), ("worth knowing", False)):
        findings = [finding for finding in check.findings if finding.problem == problem]
        lines += ["", f"{title}:{'' if findings else ' none'}"]
        for finding in findings:
            lines.append(f"  {finding.what}")
            lines += [f"      {example}" for example in finding.examples[:SHOWN]]
            if len(finding.examples) > SHOWN:
                lines.append(f"      and {len(finding.examples) - SHOWN} more")
    return lines


def _share(count: int, total: int) -> str:
    return f"{count:,} {f'({100 * count / total:.1f} %)' if total else '':>9}"
