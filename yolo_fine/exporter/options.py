# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arguments that are handed through to Ultralytics' export: which there are, and what they may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.exporter import export_arguments, is_setting
from yolo_fine.utils.hints import did_you_mean

# Beside those that the release's own table of formats names.
COMMON = {
    "imgsz", "batch", "device", "half", "int8", "quantize", "dynamic", "simplify", "opset", "workspace", "nms",
    "end2end", "conf", "iou", "max_det", "agnostic_nms", "fraction", "split", "optimize", "keras", "name", "verbose",
}  # fmt: skip


def with_size(options: dict[str, Any]) -> dict[str, Any]:
    """The options with ``imgsz=480,640`` as the numbers it means, the way `yolo export` reads it too."""
    parts = str(options.get("imgsz", "")).strip("()[] ").split(",")
    if isinstance(options.get("imgsz"), str) and all(part.strip().isdigit() for part in parts):
        return {**options, "imgsz": [int(part) for part in parts]}
    return options


def check_options(options: dict[str, Any], own: Iterable[str] = ()) -> None:
    """Refuse what is no argument of an export.

    Args:
        options: Arguments for Ultralytics.
        own: Further names, those of the command itself, for the hint.

    Raises:
        ArgumentError: A name is unknown, or a size can't be one.
    """
    known = COMMON | export_arguments()
    for key in options:
        if key not in known:
            hint = did_you_mean(key, {*known, *own})
            why = " is an argument of training, not of an export" if is_setting(key) else " is unknown"
            raise ArgumentError(f"argument '{key}'{why}{hint}")
    sizes = options.get("imgsz", 640)
    sizes = sizes if isinstance(sizes, (list, tuple)) else [sizes]
    if len(sizes) not in (1, 2) or not all(type(size) is int and size >= 32 for size in sizes):
        raise ArgumentError(f"imgsz={options['imgsz']}: a size or height,width in pixels, at least 32")
    for key in ("batch", "opset"):
        number = options.get(key)
        if number is not None and (type(number) is not int or number < 1):
            raise ArgumentError(f"{key}={number}: a whole number, at least 1")
    for key in ("dynamic", "half", "int8", "simplify", "end2end"):
        if not isinstance(options.get(key), bool | None):
            raise ArgumentError(f"{key}={options[key]}: True or False")
    if options.get("half") and options.get("int8"):
        raise ArgumentError("half=True and int8=True: one of them")
    if options.get("end2end") and options.get("nms"):
        raise ArgumentError("end2end=True and nms=True: an end-to-end head needs no NMS, so one of them")


def wanted_precision(options: dict[str, Any]) -> str:
    """``fp32``, ``fp16`` or ``int8``: what the options ask for."""
    word = str(options.get("quantize", "")).lower()
    if options.get("int8") or word in ("8", "int8", "w8a8", "w8a16", "w8a32"):
        return "int8"
    return "fp16" if options.get("half") or word in ("16", "fp16", "w16a16") else "fp32"
