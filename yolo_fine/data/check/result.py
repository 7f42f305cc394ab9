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
        return [*check_parts(self), "", verdict if self.image is None else f"{verdict}; image: {self.image}"]

    def summary(self) -> str:
        """Counts of each split, and the first problems."""
        lines = [f"{self.data}: {'no problems found' if self.sound else 'problems found'}"]
        lines += [f"{name}: {s.images:,} images, {s.objects:,} objects" for name, s in self.splits.items()]
        return "\n".join([*lines, *(finding.what for finding in self.findings if finding.problem)][:10])


def check_parts(check: DatasetCheck) -> list[str | Table]:
    """The result as tables (counts, sizes, classes) and lines."""
    splits = check.splits

    def row(first: str, label: str, cells: Sequence[str]) -> Row:
        return {first: label, **dict(zip(splits, cells, strict=True))}

    def counted(label: str, counts: Sequence[int]) -> Row:
        return row(check.data, label, [f"{count:,}" for count in counts])

    sets = splits.values()
    counts = [
        counted("images", [s.images for s in sets]),
        counted("without label file", [s.without_labels for s in sets]),
        counted("without objects", [s.without_objects for s in sets]),
        counted("objects", [s.objects for s in sets]),
        row(check.data, "objects an image", [f"{s.objects / max(s.images, 1):.1f}" for s in sets]),
        row(check.data, "median side, px", ["-" if s.median_side is None else f"{s.median_side:.1f}" for s in sets]),
    ]
    sizes = [
        row("objects by side, px", f"{name} {bin_limits(name)}", [_share(s.by_size[name], s.objects) for s in sets])
        for name in SIZE_BINS
    ]
    largest = {name: max([s.by_class[name] for s in sets], default=0) for name in check.classes}
    most = sorted((name for name in check.classes if largest[name]), key=largest.__getitem__, reverse=True)
    shown = [name for name in check.classes if name in most[:SHOWN_CLASSES]]
    classes = [row("objects by class", name, [_share(s.by_class[name], s.objects) for s in sets]) for name in shown]
    parts: list[str | Table] = [Table(counts), "", Table(sizes, note="side: square root of the area"), ""]
    parts += [Table(classes)] if classes else []
    if len(most) > SHOWN_CLASSES:
        parts.append(f"and {len(most) - SHOWN_CLASSES} rarer classes")
    if len(most) < len(check.classes):
        parts.append(f"{len(check.classes) - len(most)} of the {len(check.classes)} classes occur nowhere")
    for title, problem in (("problems", True), ("worth knowing", False)):
        findings = [finding for finding in check.findings if finding.problem == problem]
        parts += ["", f"{title}:{'' if findings else ' none'}"]
        for finding in findings:
            parts.append(f"  {finding.what}")
            parts += [f"      {example}" for example in finding.examples[:SHOWN]]
            if len(finding.examples) > SHOWN:
                parts.append(f"      and {len(finding.examples) - SHOWN} more")
    return parts


def _share(count: int, total: int) -> str:
    return f"{count:,}" + (f" ({100 * count / total:.1f} %)" if total else "")
