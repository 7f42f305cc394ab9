# SPDX-License-Identifier: AGPL-3.0-or-later
"""The picture of a bench: how many times longer than the yardstick, against parameters."""

from __future__ import annotations

from pathlib import Path

from yolo_fine.costs.bench_result import Bench
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.files import finished_file
from yolo_fine.utils.paths import StrPath


def draw(bench: Bench, file: StrPath) -> None:
    """Draw a ``.png``: a point with its interval for each block or model.

    Raises:
        ArgumentError: The file's name does not end in ``.png``, or it can't be written.
    """
    from matplotlib.figure import Figure

    file = Path(file)
    if file.suffix.lower() != ".png":
        raise ArgumentError(f"plot={file}: name a file that ends in .png")
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    shown = {name: timing for name, timing in bench.timings.items() if name != bench.yardstick}
    for name, timing in shown.items():
        x, y = max(timing.parameters, 1), timing.ratio
        axes.errorbar(x, y.value, yerr=[[y.value - y.low], [y.high - y.value]], fmt="o", ms=4, lw=1, color="#1f6feb")
        axes.annotate(name, (x, y.value), xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.axhline(1, color="#888", lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("parameters")
    axes.set_ylabel(f"time, {bench.yardstick} = 1")
    axes.grid(True, which="both", lw=0.3)
    with finished_file(file) as part:
        figure.savefig(part, dpi=130)
