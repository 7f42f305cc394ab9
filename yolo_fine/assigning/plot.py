# SPDX-License-Identifier: AGPL-3.0-or-later
"""The share of objects that training cannot see, by size, as it is and with what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolo_fine.assigning.result import Assignment
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.files import finished_file
from yolo_fine.utils.paths import StrPath


def draw(results: Sequence[Assignment], file: StrPath) -> None:
    """Draw a ``.png``: bars by size for each input size, and lines for what would change the total.

    Raises:
        ArgumentError: The file's name does not end in ``.png``, or it can't be written.
    """
    from matplotlib.figure import Figure

    file = Path(file)
    if file.suffix.lower() != ".png":
        raise ArgumentError(f"plot={file}: name a file that ends in .png")
    figure = Figure(figsize=(9, 4.5 * len(results)), layout="constrained")
    for place, result in enumerate(results, 1):
        axes = figure.add_subplot(len(results), 1, place)
        bins = [one for one in result.bins if one.objects]
        names = [f"{one.name}\n{one.objects:,}" for one in bins]
        axes.bar(names, [100 * one.no_candidate for one in bins], label="no candidate", color="#cf222e")
        below = [100 * one.no_candidate for one in bins]
        axes.bar(names, [100 * one.contested for one in bins], bottom=below, label="contested", color="#f0b37e")
        axes.axhline(100 * result.overall.no_candidate, color="#cf222e", lw=1, ls="--", label="no candidate, all sizes")
        for number, cure in enumerate(result.cures):
            axes.axhline(100 * cure.no_candidate, color=f"C{number}", lw=1, label=f"the same with {cure.what}")
        axes.set_title(f"{result.data}, {result.imgsz} px, rule {result.rule}", fontsize=10)
        axes.set_xlabel("size in pixels of the network's input, number of objects")
        axes.set_ylabel("% of the objects")
        axes.legend(fontsize=8)
    with finished_file(file) as part:
        figure.savefig(part, dpi=130)
