# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an open checkpoint says of its training: the release of Ultralytics, and how objects were assigned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.assign_settings import AssignSettings, read_assign_settings


@dataclass(frozen=True)
class TrainedBy:
    """What decides which anchors an object gets.

    Attributes:
        release: Of Ultralytics, that wrote the checkpoint.
        strides: Of the head, finest first.
        settings: Of the model's YAML, or None.
    """

    release: str
    strides: tuple[float, ...]
    settings: AssignSettings | None = None


def trained_by(detector: Any) -> TrainedBy | None:
    """Read it off a ``YOLO``; None for an exported file, and for a head that assigns in another way (RT-DETR)."""
    network = getattr(detector, "model", None)
    layers = getattr(network, "model", None)
    checkpoint = getattr(detector, "ckpt", None)
    release = checkpoint.get("version") if isinstance(checkpoint, dict) else None
    if release is None or layers is None or not hasattr(layers[-1], "reg_max"):
        return None
    asked = (getattr(network, "yaml", None) or {}).get("assign")
    try:
        settings = None if asked is None else read_assign_settings(asked, "model YAML")
    except ModelYamlError:  # of a checkpoint made by hand
        return None
    return TrainedBy(str(release), tuple(float(stride) for stride in layers[-1].stride), settings)
