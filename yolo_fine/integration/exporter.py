# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' export: its table of formats, the words of the installed release, its sample images and engine backend.

The network that an export traces is taken over in :mod:`.export_reference`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError

# What decides the numbers of the network that is traced; the rest decides how they are stored.
SHAPING = {"imgsz", "batch", "dynamic", "opset", "nms", "end2end", "conf", "iou", "max_det", "agnostic_nms"}


def export_suffixes() -> dict[str, str]:
    """Format name -> what Ultralytics puts behind the checkpoint's stem, as ``onnx`` -> ``.onnx``."""
    from ultralytics.engine.exporter import export_formats

    table = export_formats()
    return {name: suffix for name, suffix in zip(table["Argument"], table["Suffix"], strict=True) if name != "-"}


def export_arguments() -> set[str]:
    """Arguments that the release's own table of formats names; older releases name none."""
    from ultralytics.engine.exporter import export_formats

    return {argument for arguments in export_formats().get("Arguments", []) for argument in arguments}


def is_setting(name: str) -> bool:
    """Whether the release's configuration has a setting of that name."""
    from ultralytics.cfg import DEFAULT_CFG_DICT

    return name in DEFAULT_CFG_DICT


def has_end2end_head(detector: Any) -> bool:
    """Whether a model can give boxes that need no suppression: YOLOv10 and YOLO26 have branches for them."""
    return getattr(detector.model.model[-1], "one2one_cv2", None) is not None


def in_words_of_release(options: dict[str, Any], has_end2end: bool = True) -> dict[str, Any]:
    """The options as the installed Ultralytics spells them: new releases say it all by ``quantize`` and ``nms``.

    Args:
        options: Arguments of the export; None stands for one that is not given.
        has_end2end: Whether the model has an end-to-end head; for others ``end2end=False`` says nothing.

    Raises:
        ArgumentError: The release has only the end-to-end head of such models.
    """
    from ultralytics import __version__

    given = {key: value for key, value in options.items() if value is not None}
    if not has_end2end and given.get("end2end") is False:
        del given["end2end"]
    if is_setting("quantize"):
        half, int8 = given.pop("half", False), given.pop("int8", False)
        if half or int8:
            given["quantize"] = 8 if int8 else 16
    if "end2end" in given and not is_setting("end2end"):
        wanted = given.pop("end2end")
        if not is_setting("quantize") and not wanted:
            raise ArgumentError(f"end2end=False: Ultralytics {__version__} exports the end-to-end head only")
        if is_setting("quantize") and wanted:
            given["nms"] = False
        elif given.get("nms") is False:
            del given["nms"]
    return given


def sample_images() -> list[Path]:
    """The two photographs that Ultralytics ships."""
    from ultralytics.utils import ASSETS

    return [Path(ASSETS) / "bus.jpg", Path(ASSETS) / "zidane.jpg"]


def open_engine(file: Path, device: Any) -> Callable[[Any], Any]:
    """A TensorRT engine as a function of tensors, by Ultralytics' backend for the bindings of all TensorRT releases."""
    from ultralytics.nn.autobackend import AutoBackend

    backend: Callable[[Any], Any] = AutoBackend(str(file), device)
    return backend
