# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks one YOLO label file, by the rules under which Ultralytics takes or drops it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

TOLERANCE = 0.01  # Ultralytics takes coordinates from -0.01 to 1.01
NAMED = 3  # broken lines of one file that are described


@dataclass
class LabelCheck:
    """What a label file holds.

    Attributes:
        rows: Class, centre x, centre y, width, height of its sound rows, shape (rows, 5); shares of the image.
        broken: Descriptions of broken lines, with file and line. Any but a box without area makes Ultralytics leave out
            the image.
        repeated: Rows that repeat another (Ultralytics drops them).
        outside: Sound rows whose box reaches beyond the image by more than one per cent.
    """

    rows: np.ndarray = field(default_factory=lambda: np.empty((0, 5)))
    broken: list[str] = field(default_factory=list)
    repeated: int = 0
    outside: int = 0


def check_label_file(file: Path, classes: int) -> LabelCheck:
    """Read and check a label file: boxes (5 numbers a line) or polygons (class and 3 or more points)."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return LabelCheck(broken=[f"{file} is no readable text: {error}"])
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    sound, broken = [], []
    for number, fields in lines:
        fault, row = _read_line(fields, classes)
        if fault:
            broken.append(f"{file}, line {number}: {fault}")
        elif row is not None:
            sound.append(row)
    if len({len(fields) == 5 for _, fields in lines}) > 1 and not broken:
        broken.append(f"{file} mixes boxes (5 numbers a line) and polygons")
    if len(broken) > NAMED:
        broken = [*broken[:NAMED], *[f"{file}: {len(broken) - NAMED} more lines"]]
    rows = np.array(sound, dtype=np.float64).reshape(-1, 5)
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    outside = ((low < -TOLERANCE) | (high > 1 + TOLERANCE)).any(axis=1)
    return LabelCheck(rows, broken, len(rows) - len(np.unique(rows, axis=0)), int(outside.sum()))


def _read_line(fields: list[str], classes: int) -> tuple[str | None, list[float] | None]:
    """What is wrong with a line, or its class and box."""
    if len(fields) != 5 and (len(fields) < 7 or len(fields) % 2 == 0):
        return f"{len(fields)} numbers; a box has 5, a polygon its class and 3 or more points", None
    try:
        category, *values = [float(value) for value in fields]
    except ValueError:
        return f"no numbers: {' '.join(fields)[:60]!r}", None
    if not np.isfinite([category, *values]).all():
        return f"a number that is not finite: {' '.join(fields)[:60]!r}", None
    if category != int(category) or not 0 <= category < classes:
        return f"class {fields[0]}; the YAML has {classes} classes, 0 to {classes - 1}", None
    if min(values) < -TOLERANCE or max(values) > 1 + TOLERANCE:
        worst = max(values, key=lambda value: abs(value - 0.5))
        return f"{worst:g} is outside of 0 to 1; coordinates are shares of the image", None
    if len(values) > 4:
        x, y = values[::2], values[1::2]
        values = [(min(x) + max(x)) / 2, (min(y) + max(y)) / 2, max(x) - min(x), max(y) - min(y)]
    if values[2] <= 0 or values[3] <= 0:
        return f"a box without area: {' '.join(fields)[:60]!r}", None
    return None, [category, *values]
