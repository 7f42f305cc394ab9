# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws the result of ``yolo-fine data check``: how large the objects are, and how many there are of each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.data.size_histogram import EDGES, SIZE_BINS
from yolo_fine.errors import ArgumentError

if TYPE_CHECKING:
    from yolo_fine.data.check_result import DatasetCheck

COLOURS = {"train": "#0072b2", "val": "#d55e00", "test": "#009e73"}  # Okabe and Ito, safe for the colour-blind
SHOWN_CLASSES = 80


def plot_check(check: DatasetCheck, file: Path) -> None:
    """Write the picture, whole or not at all.

    Raises:
        ArgumentError: It can't be written there.
    """
    from matplotlib.figure import Figure

    classes = _shown_classes(check)
    height = max(4.6, 1.4 + 0.2 * len(classes) * max(1, 0.7 * len(check.splits)))
    figure = Figure(figsize=(12, height), layout="constrained")
    sizes, balance = figure.subplots(1, 2, width_ratios=(1.25, 1))
    figure.suptitle(_title(check), fontsize=11, x=0.01, ha="left", weight="bold")
    _draw_sizes(sizes, check)
    _draw_classes(balance, check, classes)
    temporary = file.with_name(f".{file.stem}.{os.getpid()}{file.suffix}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, dpi=130)
        temporary.replace(file)
    except (OSError, ValueError) as error:  # ValueError: a suffix that is no picture format
        temporary.unlink(missing_ok=True)
        raise ArgumentError(f"{file} can't be written: {error}") from error


def _title(check: DatasetCheck) -> str:
    parts = [f"{name} {split.pictures:,} pictures, {split.objects:,} objects" for name, split in check.splits.items()]
    return f"{Path(check.data).parent.name or '.'}/{Path(check.data).name}: " + "; ".join(parts)


def _draw_sizes(axes: Any, check: DatasetCheck) -> None:
    """Share of objects by side, on a logarithmic axis, with the bins behind."""
    present = [np.flatnonzero(split.histogram) for split in check.splits.values()]
    bars = np.concatenate([np.array([8, 28]), *present])  # 4 to 128 pixels at least
    low, high = EDGES[bars.min()], EDGES[bars.max() + 1]
    for name, split in check.splits.items():
        share = 100 * np.array(split.histogram) / max(split.objects, 1)
        colour = COLOURS[name]
        axes.stairs(share, EDGES, color=colour, fill=True, alpha=0.18)
        axes.stairs(share, EDGES, color=colour, linewidth=1.8, label=name)
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
    axes.set_xlabel("side of the object: square root of its area, pixels of the stored picture")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_classes(axes: Any, check: DatasetCheck, classes: list[str]) -> None:
    """Number of objects of each class, one bar a split."""
    thickness = 0.8 / max(len(check.splits), 1)
    rows = np.arange(len(classes))
    largest = max([split.by_class[name] for split in check.splits.values() for name in classes], default=0)
    for number, (name, split) in enumerate(check.splits.items()):
        counts = np.array([split.by_class[label] for label in classes])
        y = rows + (number - (len(check.splits) - 1) / 2) * thickness
        axes.barh(y, counts, height=thickness * 0.9, color=COLOURS[name], label=name)
        for place, count in zip(y, counts.tolist(), strict=True):
            axes.text(max(count, 0.9), place, f" {count:,}", va="center", fontsize=8, color=COLOURS[name])
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, max(largest, 1) * 6)
    axes.set_yticks(rows, classes, fontsize=9)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    rest = len(check.classes) - len(classes)
    axes.set_xlabel("objects, logarithmic" + (f" ({rest} rarer classes left out)" if rest else ""))
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def _shown_classes(check: DatasetCheck) -> list[str]:
    """The most frequent classes, in the order of their numbers."""

    def largest(name: str) -> int:
        return max([split.by_class[name] for split in check.splits.values()], default=0)

    most = sorted(check.classes, key=largest, reverse=True)[:SHOWN_CLASSES]
    return [name for name in check.classes if name in most]
