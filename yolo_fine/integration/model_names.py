# SPDX-License-Identifier: AGPL-3.0-or-later
"""How Ultralytics reads the file name of a model: a family, and perhaps a scale letter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SCALES = "nsmlx"
PATTERN = re.compile(rf"(.*?)(yolo(?:e-)?v?\d+)([{SCALES}]?)((?:[-.].*)?)", re.DOTALL)


@dataclass(frozen=True)
class ModelName:
    """``my-yoloe-11s-seg.yaml``: ``my-``, the family ``yoloe-11``, the scale ``s``, and ``-seg.yaml`` behind them."""

    before: str
    family: str
    scale: str
    behind: str


def read_name(name: str) -> ModelName | None:
    """The parts of a file name.

    Returns:
        None if the name has no place for a scale letter, as ``mine.yaml``: Ultralytics always takes the first scale.
    """
    match = PATTERN.fullmatch(Path(name).name)
    return ModelName(*match.groups()) if match else None


def with_scale(name: str, scale: str) -> str:
    """``yolo11n-fine.yaml`` at scale ``s`` is ``yolo11s-fine.yaml``, at no scale ``yolo11-fine.yaml``.

    Names without a place for a scale letter, and folders in front of a name, stay as they are.
    """
    parts = read_name(name)
    return str(Path(name).with_name(f"{parts.before}{parts.family}{scale}{parts.behind}")) if parts else name
