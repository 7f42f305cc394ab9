# SPDX-License-Identifier: AGPL-3.0-or-later
"""Words that the stock parser understands in a model YAML: layers, heads, activations, its own variables."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yolo_fine.integration.versions import installed_version

OTHER_KINDS = ("rtdetr", "fastsam", "sam_", "sam2_", "sam2.1_", "sam3", "mobile_sam", "yolo_nas", "-world", "yoloe")


def stock_layer(name: str) -> type | None:
    """The layer class that the stock parser finds under a module name, or None: nothing there, or no layer."""
    from torch import nn
    from ultralytics.nn import tasks

    if name.startswith("nn."):
        found = getattr(nn, name[3:], None)
    elif name.startswith("torchvision.ops."):
        import torchvision  # type: ignore[import-untyped]  # here, because it takes its time

        found = getattr(torchvision.ops, name[16:], None)
    else:
        found = getattr(tasks, name, None)
    return found if isinstance(found, type) and issubclass(found, nn.Module) else None


def image_channels(model: dict[str, Any]) -> int:
    """Channels of the images that a model YAML is built for.

    Releases before 8.3.253 read ``ch:``; later ones give every model but classifiers the channels of its data set.
    """
    if installed_version() < (8, 3, 253):
        return int(model.get("ch") or 3)
    head = model.get("head") or [None]
    is_classifier = isinstance(head[-1], list) and head[-1][2:3] == ["Classify"]
    return int(model.get("channels") or 3) if is_classifier else 3


def is_head(layer: type) -> bool:
    """Whether a layer class is one of Ultralytics' heads: Detect, Segment, Classify, RTDETRDecoder, ..."""
    from ultralytics.nn.modules import head

    return bool(layer.__module__ == head.__name__)


def has_strides_of_its_maps(name: str) -> bool:
    """Whether a head takes its strides, and with them the model's, from the maps that it reads: Detect and its kin."""
    from ultralytics.nn.modules import Detect

    layer = stock_layer(name)
    return layer is not None and issubclass(layer, Detect)


def is_read_by_the_model(name: str) -> bool:
    """Whether YOLO-World's model itself reads the layer, past the rows of the YAML."""
    return name == "ImagePoolingAttn"


def needed_in_file_name(layer: str) -> str | None:
    """What a model's file name must hold for a layer: Ultralytics picks the model's class by words in that name.

    Such layers are not called with maps alone: they are fed text, or the labels of a batch, too.
    """
    if layer in ("C2fAttn", "ImagePoolingAttn", "WorldDetect"):
        return "-world"
    if layer == "RTDETRDecoder":
        return "rtdetr"
    return "yoloe" if layer.startswith("YOLOE") else None


def is_in_file_name(word: str, file: str) -> bool:
    """Whether Ultralytics finds a word in a file name; it asks for some of them in lower case."""
    stem = Path(file).stem
    return word in (stem if word in ("-world", "yoloe") else stem.lower())


def wrong_file_name(file: str, layers: Iterable[str]) -> str | None:
    """Why a model with these layers can't have that file name, because Ultralytics would take it for another kind."""
    needed = {word: layer for layer in layers if (word := needed_in_file_name(layer))}
    for word, layer in needed.items():
        if not is_in_file_name(word, file):
            return f"{layer} works only in models with '{word}' in their file name"
    for word in OTHER_KINDS:
        if word not in needed and is_in_file_name(word, file):
            return f"Ultralytics takes a file with '{word}' in its name for another kind of model; rename it"
    return None


def parser_variables() -> frozenset[str]:
    """Local variables of the stock parser: text arguments of these names are replaced by whatever they hold."""
    from ultralytics.nn import tasks

    code = inspect.unwrap(tasks.parse_model).__code__
    return frozenset(code.co_varnames + code.co_cellvars)


def is_activation(text: Any) -> bool:
    """Whether an ``activation:`` is a call of a layer in ``torch.nn`` with plain values, as ``nn.LeakyReLU(0.1)``.

    Ultralytics evaluates the text as Python; here nothing is run.
    """
    try:
        call = ast.parse(str(text), mode="eval").body
        if not isinstance(call, ast.Call):
            return False
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            ast.literal_eval(value)
    except (SyntaxError, ValueError, RecursionError):
        return False
    name = ast.unparse(call.func).removeprefix("torch.")
    return name.startswith("nn.") and stock_layer(name) is not None


def has_box_branches(layer: str) -> bool:
    """Whether a head predicts boxes by one branch for each level: Detect, and the heads that derive from it."""
    from ultralytics.nn.modules import Detect

    found = stock_layer(layer)
    return found is not None and issubclass(found, Detect)


def has_depthwise_classes(model: Mapping[str, Any]) -> bool:
    """Whether Ultralytics makes the class branches of a model's rows of depthwise and 1x1 convolutions.

    It does in v10Detect, and where a row is one of the blocks that came with YOLO10, YOLO11 and YOLO12.
    """
    modules = {str(row[2]) for part in ("backbone", "head") for row in model.get(part) or ()}
    return bool(modules & {"C2fCIB", "C3k2", "A2C2f", "v10Detect"})
