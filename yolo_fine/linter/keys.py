# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong with the keys of a model YAML above its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.dry_run.limits import MOST
from yolo_fine.integration.model_names import SCALES
from yolo_fine.integration.parsing.parser import check_family, check_top_level_keys
from yolo_fine.integration.parsing.vocabulary import is_activation

OURS = ("assign", "box_prior", "max_stride", "p2_branch", "p2_class")


def check_keys(model: dict[str, Any]) -> Iterator[str]:
    """Problems of a model's keys, as messages without the file's name."""
    yield from _whole_number(model, "nc", required=True)
    yield from _whole_number(model, "channels")
    yield from _whole_number(model, "ch")
    yield from _whole_number(model, "reg_max")
    if model.get("activation") and not is_activation(model["activation"]):
        yield f"activation: {model['activation']!r} is no layer of torch.nn; write it as nn.LeakyReLU(0.1)"
    if "kpt_shape" in model and not _is_keypoint_shape(model["kpt_shape"]):
        yield f"kpt_shape: {model['kpt_shape']!r} must be [keypoints, 2 or 3]"
    if not isinstance(model.get("end2end", False), (bool, type(None))):
        yield f"end2end: {model['end2end']!r} must be True or False"
    try:
        check_family(model, "")
    except ModelYamlError as error:
        yield str(error).removeprefix(": ")
    for key in OURS:
        try:
            check_top_level_keys({key: model[key], "yaml_file": ""} if key in model else {})
        except ModelYamlError as error:
            yield str(error).removeprefix(": ")
    yield from _scales(model)


def _whole_number(model: dict[str, Any], key: str, required: bool = False) -> Iterator[str]:
    value = model.get(key)
    if value is None and not required:
        if key in model:
            yield f"{key}: must be a whole number from 1 to {MOST}, got None"
    elif type(value) is not int or not 1 <= value <= MOST:
        yield f"{key}: must be a whole number from 1 to {MOST}, got {value!r}"


def _is_keypoint_shape(value: Any) -> bool:
    whole = isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)
    return whole and 1 <= value[0] <= MOST and value[1] in (2, 3)


def _scales(model: dict[str, Any]) -> Iterator[str]:
    for key in ("depth_multiple", "width_multiple"):
        if key in model and not _positive(model[key]):
            yield f"{key}: must be a positive number, got {model[key]!r}"
    scales = model.get("scales")
    if scales is None:
        return
    if not isinstance(scales, dict) or not scales:
        yield f"scales: must give [depth, width, max_channels] for each letter, got {scales!r}"
        return
    for letter, values in scales.items():
        if letter not in tuple(SCALES) and len(scales) > 1:
            yield f"scales: {letter!r} can't be asked for; Ultralytics knows the letters {', '.join(SCALES)}"
        elif not isinstance(values, list) or len(values) != 3 or not all(map(_positive, values)):
            yield f"scales: {letter}: must be [depth, width, max_channels], positive numbers, got {values!r}"


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= MOST
