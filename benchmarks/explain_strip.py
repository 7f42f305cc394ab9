# SPDX-License-Identifier: AGPL-3.0-or-later
"""Some pictures of an explanation side by side: ``python benchmarks/explain_strip.py FOLDER out=FILE.jpg NAME ...``.

``docs/explain.jpg`` is of the folder ``runs/explain`` that ``examples/visdrone.ipynb`` makes, with the names
``detections.png activation_1_of_3.png 15_FINE_modulation.png 19_EMA_gate_of_positions.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

SIDE, GAP = 420, 8  # height of a picture and the white between two, in pixels


def strip(files: list[Path]) -> np.ndarray:
    """The pictures of files in one row, all of one height; BGR."""
    row = []
    for file in files:
        picture = cv2.imread(str(file))
        width = round(picture.shape[1] * SIDE / picture.shape[0])
        row += [
            cv2.resize(picture, (width, SIDE), interpolation=cv2.INTER_AREA),
            np.full((SIDE, GAP, 3), 255, np.uint8),
        ]
    return np.concatenate(row[:-1], axis=1)


if __name__ == "__main__":
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    folder, *names = [word for word in sys.argv[1:] if "=" not in word]
    picture = strip([Path(folder) / name for name in names])
    cv2.imwrite(settings["out"], picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(settings["out"])
