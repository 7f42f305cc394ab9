# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random damage to model YAMLs, as typing errors, careless edits and broken files make it."""

from __future__ import annotations

import copy
import functools
import random
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MODULES = [
    "FINE",
    "FINEConcat",
    "EMA",
    "DilatedContext",
    "DilatedFusion",
    "DySample",
    "Conv",
    "C3k2",
    "C2f",
    "SPPF",
    "C2PSA",
    "Concat",
    "A2C2f",
    "DWConv",
    "GhostConv",
    "HGBlock",
    "AIFI",
    "Bottleneck",
    "CBFuse",
    "CBLinear",
    "Index",
    "ResNetLayer",
    "ADown",
    "RepC3",
    "SCDown",
    "ImagePoolingAttn",
    "C2fAttn",
    "TorchVision",
    "Detect",
    "Segment",
    "Pose",
    "OBB",
    "Classify",
    "RTDETRDecoder",
    "WorldDetect",
    "v10Detect",
    "Segment26",
    "YOLOEDetect",
    "nn.Upsample",
    "nn.MaxPool2d",
    "nn.Identity",
    "nn.BatchNorm2d",
    "nn.Conv2d",
    "nn.Linear",
    "nn.ReLU",
    "nn.Module",
    "nn.Softmax",
    "nn.Flatten",
    "nn.LSTM",
    "nn.init.normal_",
    "nn.functional",
    "torchvision.ops.Permute",
    "torchvision.ops.nms",
    "FINEE",
    "Ema",
    "conv",
    "nn.",
    "LOGGER",
    "torch",
    "deepcopy",
    "check_requirements",
    "yaml_model_load",
    "BaseModel",
]
NUMBERS = [0, 1, 2, 3, 5, 7, 16, 17, 64, 100, 256, 1024, -1, -5, 10**6, 10**12]
FLOATS = [0.25, 0.5, -0.1, 1e30, float("nan"), float("inf")]
WORDS = [
    True,
    False,
    None,
    "None",
    "nc",
    "width",
    "ch",
    "n",
    "i",
    "nearest",
    "bilinear",
    "Ture",
    "",
    "1e-3",
    "[1, 2]",
    "é",
]
NESTED: list[Any] = [[], [1], [[1]], [64, 128], {}, {"gain": 0.5}, {"gian": 0.5}, {"gain": "x"}, {1: 2}]
VALUES: list[Any] = [*NUMBERS, *FLOATS, *WORDS, *NESTED]
KEYS: list[Any] = [
    "nc",
    "scales",
    "activation",
    "end2end",
    "reg_max",
    "kpt_shape",
    "channels",
    "depth_multiple",
    "scale",
    "ch",
]
ACTIVATIONS = ["nn.ReLU()", "torch.nn.LeakyReLU(0.1)", "ReLU", "nn.ReLU", "__import__('os').abort()", "nn.PReLU(x)", 3]


@functools.cache
def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=LOADER)


def mutate(text: str, chance: random.Random) -> str:
    """The YAML ``text`` with one to three random changes."""
    if chance.random() < 0.08:
        return _scribble(text, chance)
    model = copy.deepcopy(_parsed(text))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        _change(model, chance)
    return yaml.dump(model, Dumper=DUMPER, sort_keys=False, allow_unicode=True)


def _change(model: dict[str, Any], chance: random.Random) -> None:
    section = model.get(chance.choice(["backbone", "head", "head"]))
    if chance.random() < 0.1 or not isinstance(section, list) or not section:
        key = chance.choice(KEYS)
        model[key] = chance.choice(ACTIVATIONS) if key == "activation" else chance.choice(VALUES)
        if chance.random() < 0.2:
            del model[key]
        return
    index = chance.randrange(len(section))
    row = section[index]
    kind = chance.randrange(9)
    if kind == 0:
        del section[index]
    elif kind == 1:
        section.insert(index, copy.deepcopy(chance.choice(section)))
    elif kind == 2:
        other = chance.randrange(len(section))
        section[index], section[other] = section[other], row
    elif kind == 3:
        section[index] = chance.choice(
            [row[:3] if isinstance(row, list) else row, None, "row", 3, [], {"from": -1}, [row]]
        )
    elif isinstance(row, list) and len(row) == 4:
        _change_row(row, kind, chance)


def _change_row(row: list[Any], kind: int, chance: random.Random) -> None:
    if kind == 4:
        single = chance.choice([-1, -2, 0, 4, 6, 10, 13, 30, -40, True, None, "x", 2.5])
        pair = [chance.choice([-1, -2, 2, 4, 6, 10, 13, 16]) for _ in range(chance.randrange(4))]
        row[0] = chance.choice([single, pair])
    elif kind == 5:
        row[1] = chance.choice([1, 1, 2, 3, 0, -1, 10**9, True, None, "2", 1.5])
    elif kind == 6:
        row[2] = chance.choice([*MODULES, None, 3, ["Conv"]])
    elif kind == 7 or not isinstance(row[3], list) or not row[3]:
        row[3] = chance.choice(
            [[], [chance.choice(VALUES)], [chance.choice(VALUES), chance.choice(VALUES)], None, "64", 64]
        )
    else:
        place = chance.randrange(len(row[3]))
        if chance.random() < 0.3:
            row[3].insert(place, chance.choice(VALUES))
        else:
            row[3][place] = chance.choice(VALUES)


def _scribble(text: str, chance: random.Random) -> str:
    """Damage to the file itself."""
    start, end = sorted(chance.randrange(len(text)) for _ in range(2))
    sign = chance.choice(["[", "]", "{", ":", "\t", "\x00", "- ", "&a ", "*a", "!!python/object:os.x ", "\n"])
    cut, hole = text[:start], text[:start] + text[min(end, start + 40) :]
    return chance.choice([cut, hole, text[:start] + sign + text[start:], "", "[1, 2]", "text", "a: " + "[" * 2000])
