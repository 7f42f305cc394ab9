# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws the result of ``yolo-fine data check``: how large the objects are, and how many there are of each class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.data.check.size_histogram import EDGES, SIZE_BINS
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import finished_file

if TYPE_CHECKING:
    from yolo_fine.data.check.result import DatasetCheck, SplitStatistics

COLOURS = {"train": "#0072b2", "val": "#d55e00", "test": "#009e73"}  # Okabe and Ito, safe for the colour-blind
BESIDE = 14  # classes that have room beside the sizes; more are drawn below them
SHOWN_CLASSES = 80


def plot_check(check: DatasetCheck, file: Path) -> None:
    """Write the image, whole or not at all.

    Raises:
        ArgumentError: It can't be written there.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    classes = _shown_classes(check)
    few = len(classes) <= BESIDE
    figure = Figure(figsize=(12, 5) if few else (12, 8.6), layout="constrained")
    sizes, balance = figure.subplots(1, 2, width_ratios=(1.25, 1)) if few else figure.subplots(2, 1)
    title = f"{Path(check.data).parent.name}/{Path(check.data).name}".lstrip("/")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left", weight="bold")
    patches = [
        Patch(color=COLOURS[name], label=f"{name}: {split.images:,} images, {split.objects:,} objects")
        for name, split in check.splits.items()
    ]
    figure.legend(handles=patches, loc="upper right", ncols=3, frameon=False, borderaxespad=0.1)
    _draw_sizes(sizes, check)
    if few:
        _draw_few_classes(balance, check, classes)
    else:
        _draw_many_classes(balance, check, classes)
    with finished_file(file) as part:
        try:
            figure.savefig(part, dpi=130)
        except ValueError as error:  # a suffix that is no image format
            raise ArgumentError(f"{file} can't be written: {error}") from error


def _draw_sizes(axes: Any, check: DatasetCheck) -> None:
    """Share of objects by side, on a logarithmic axis, with the bins behind."""
    present = [np.flatnonzero(split.histogram) for split in check.splits.values()]
    bars = np.concatenate([np.array([8, 28]), *present])  # 4 to 128 pixels at least
    low, high = EDGES[bars.min()], EDGES[bars.max() + 1]
    for name, split in check.splits.items():
        share = 100 * np.array(split.histogram) / max(split.objects, 1)
        colour = COLOURS[name]
        axes.stairs(share, EDGES, color=colour, fill=True, alpha=0.18)
        axes.stairs(share, EDGES, color=colour, linewidth=1.8)
    top = axes.get_ylim()[1] * (1.16 + 0.06 * len(check.splits))
    for number, (size, (start, end)) in enumerate(SIZE_BINS.items()):
        left, right = max(start, low), min(end, high)
        if left >= right:
            continue
        if number % 2 == 0:
            axes.axvspan(left, right, color="#888888", alpha=0.09, linewidth=0)
        centre = np.sqrt(left * right)
        axes.text(centre, top * 0.985, size, ha="center", va="top", fontsize=9, weight="bold")
        for line, (name, split) in enumerate(check.splits.items(), 1):
            text = f"{100 * split.by_size[size] / split.objects:.1f} %" if split.objects else "-"
            axes.text(
                centre, top * (0.985 - 0.05 * line), text, ha="center", va="top", fontsize=8.5, color=COLOURS[name]
            )
    axes.set_xscale("log", base=2)
    ticks = [tick for tick in (1, 2, 4, 8, 16, 32, 64, 96, 128, 256, 512, 1024, 2048) if low <= tick <= high]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlim=(low, high), ylim=(0, top), ylabel="share of the split's objects, % a bar")
    axes.set_xlabel("side of the object: square root of its area, pixels of the stored image")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_few_classes(axes: Any, check: DatasetCheck, classes: list[str]) -> None:
    """Share and number of objects of each class, one bar a split."""
    largest = 0.0
    for name, split, places, thickness in _bars(check, len(classes)):
        counts = [split.by_class[label] for label in classes]
        shares = [100 * count / max(split.objects, 1) for count in counts]
        largest = max([largest, *shares])
        axes.barh(places, shares, height=thickness * 0.9, color=COLOURS[name])
        for place, share, count in zip(places, shares, counts, strict=True):
            axes.text(share, place, f" {count:,}", va="center", fontsize=8, color=COLOURS[name])
    axes.set_xlim(0, max(largest, 1) * 1.16)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_yticks(range(len(classes)), classes, fontsize=9)
    axes.set_xlabel(f"share of the split's objects, %; the numbers are objects{_left_out(check, classes)}")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_many_classes(axes: Any, check: DatasetCheck, classes: list[str]) -> None:
    """Share of objects of each class on a logarithmic axis, one bar a split."""
    for name, split, places, thickness in _bars(check, len(classes)):
        shares = [100 * split.by_class[label] / max(split.objects, 1) for label in classes]
        axes.bar(places, shares, width=thickness, color=COLOURS[name])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(-0.7, len(classes) - 0.3)
    axes.set_xticks(range(len(classes)), classes, fontsize=8, rotation=90)
    axes.set(ylabel="share of the split's objects, %", xlabel=f"classes{_left_out(check, classes)}")
    axes.spines[["top", "right"]].set_visible(False)


def _bars(check: DatasetCheck, classes: int) -> list[tuple[str, SplitStatistics, Array, float]]:
    """Of each split: name, statistics, places of its bars and their thickness."""
    thickness = 0.8 / max(len(check.splits), 1)
    middle = (len(check.splits) - 1) / 2
    return [
        (name, split, np.arange(classes) + (number - middle) * thickness, thickness)
        for number, (name, split) in enumerate(check.splits.items())
    ]


def _left_out(check: DatasetCheck, classes: list[str]) -> str:
    rest = len(check.classes) - len(classes)
    return f"\n({rest} absent or rarer classes not shown)" if rest else ""


def _shown_classes(check: DatasetCheck) -> list[str]:
    """The most frequent classes that occur, in the order of their numbers."""
    largest = {name: max([s.by_class[name] for s in check.splits.values()], default=0) for name in check.classes}
    most = sorted((name for name in check.classes if largest[name]), key=largest.__getitem__, reverse=True)
    return [name for name in check.classes if name in most[:SHOWN_CLASSES]]
