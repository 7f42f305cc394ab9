# SPDX-License-Identifier: AGPL-3.0-or-later
"""Model YAMLs that name our blocks, through the stock parser."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest
import torch
from torch import nn

from tests.extent import ALL, each_variant
from yolo_fine import block
from yolo_fine.errors import BlockRegistrationError, ModelYamlError, UnknownBlockError, UpstreamError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version

tasks = pytest.importorskip("ultralytics.nn.tasks")
SCALES = {"n": [0.5, 0.25, 1024], "s": [0.5, 0.5, 1024], "l": [1.0, 1.0, 512]}
BACKBONE = [
    [-1, 1, "Conv", [64, 3, 2]],
    [-1, 1, "Conv", [128, 3, 2]],
    [-1, 1, "Conv", [256, 3, 2]],
    [-1, 1, "Conv", [512, 3, 2]],
]


@block(inputs=1, out="arg", kind="conv")
class WidthProbe(nn.Module):
    """A test block with an output width of its own."""

    def __init__(self, c1: int, c2: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, kernel, padding=kernel // 2)

    def forward(self, x):
        return self.conv(x)


@block(inputs="n", out="first", kind="fuse")
class MeanOfMaps(nn.Module):
    """A test block with any number of inputs, which counts its repeats."""

    def __init__(self, channels: list[int], repeats: int = 1) -> None:
        super().__init__()
        self.channels, self.repeats = channels, repeats

    def forward(self, x):
        return sum(x) / len(x)


@block(inputs=1, out="same", kind="refine")
class UsesStockConv(nn.Module):
    """A test block built of Ultralytics' Conv."""

    def __init__(self, c1: int, flag: bool = True, ratio: float = 0.5) -> None:
        super().__init__()
        from ultralytics.nn.modules import Conv

        self.conv, self.flag, self.ratio = Conv(c1, c1, 1), flag, ratio

    def forward(self, x):
        return self.conv(x)


def model_dict(*head, scale="n", **extra):
    rows = [*head, [[2, 3], 1, "Detect", ["nc"]]]
    return {"nc": 3, "scales": SCALES, "scale": scale, "backbone": copy.deepcopy(BACKBONE), "head": rows, **extra}


def build(*head, **kwargs):
    return tasks.DetectionModel(model_dict(*head, **kwargs), ch=3, verbose=False)


def supported(name):
    return not name.startswith("yolo26") or installed_version() >= (8, 4)


PACKAGED = [name for name in packaged_files("models") if supported(name)]


# every model at one scale, every variant and every family at several
AT_SCALES = [(name, scale) for turn, name in enumerate(PACKAGED) for scale in ("nsmlx" if ALL else "nsmlx"[turn % 5])]


@pytest.mark.parametrize(("name", "scale"), AT_SCALES)
def test_every_packaged_model_builds_at_every_scale(name, scale):
    """On the meta device: every row is checked and sized, nothing is computed."""
    family, variant = name.split("-", 1)
    model = tasks.yaml_model_load(f"{family}{scale}-{variant}")
    assert model["scale"] == scale
    with torch.device("meta"):
        layers, save = tasks.parse_model(copy.deepcopy(model), 3, False)
    rows = model["backbone"] + model["head"]
    assert [layer.i for layer in layers] == list(range(len(rows)))
    if variant != "small.yaml":  # levels alone
        assert any(layer.type.startswith("yolo_fine.blocks.") for layer in layers)
    assert not any("ResNetLayer" in layer.type for layer in layers)
    assert save


IN_VAIN = {"GC": "mask.bias"}  # softmax does not see what is added to all places: its gradient is zero but for rounding


@pytest.mark.parametrize("name", each_variant(PACKAGED))
def test_every_packaged_model_runs_and_learns(name):
    """At scale n: forward on an image that is not square, and a gradient for every parameter of our blocks."""
    family, variant = name.split("-", 1)
    torch.manual_seed(0)  # by chance, all four hidden units of a small attention can be dead
    model = tasks.DetectionModel(f"{family}n-{variant}", verbose=False)
    for layer in model.model:
        for key, parameter in layer.named_parameters() if layer.type.startswith("yolo_fine.") else ():
            if key.endswith(("gain", "gain.weight")):
                nn.init.constant_(parameter, 0.5)
            elif not parameter.any():  # zeros that make a block start as the identity keep others from learning
                nn.init.normal_(parameter, std=0.1)
    maps = model.train()(torch.rand(2, 3, 128, 96))
    sum(tensor.square().mean() for tensor in _tensors(maps)).backward()
    missing = [
        f"{layer.i}.{key}"
        for layer in model.model
        if layer.type.startswith("yolo_fine.")
        for key, parameter in layer.named_parameters()
        if parameter.grad is None or not (parameter.grad.abs().sum() > 0 or key == IN_VAIN.get(type(layer).__name__))
    ]
    assert not missing


def _tensors(value):
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def test_channels_width_and_depth_follow_the_scale():
    head = [
        [[3, 2], 1, "FINE", [1]],  # 4: channels of layer 2
        [-1, 4, "EMA", []],  # 5
        [-1, 1, "WidthProbe", [256, {"kernel": 3}]],  # 6
        [[5, 4, -4], 6, "MeanOfMaps", []],  # 7: -4 is layer 3 seen from here
    ]
    for scale, width, repeats in (("n", 0.25, 2), ("s", 0.5, 2), ("l", 1.0, 4)):
        with torch.device("meta"):
            layers, _ = tasks.parse_model(model_dict(*head, scale=scale), 3, False)
        assert sum(p.numel() for p in layers[4].parameters()) > 0
        assert [type(part).__name__ for part in layers[5]] == ["EMA"] * repeats
        assert layers[6].conv.in_channels == 256 * width
        assert layers[6].conv.out_channels == 256 * width
        assert layers[6].conv.kernel_size == (3, 3)
        assert layers[7].channels == [256 * width, 256 * width, 512 * width]
        assert layers[7].repeats == max(round(6 * SCALES[scale][0]), 1)
        assert layers[7].f == [5, 4, -4]


def test_a_block_may_be_the_first_layer():
    model = {"nc": 2, "scales": SCALES, "scale": "n", "backbone": [[-1, 1, "WidthProbe", [64, 3]]], "head": []}
    layers, _ = tasks.parse_model({**model, "backbone": model["backbone"] + BACKBONE[1:]}, 5, False)
    assert layers[0].conv.in_channels == 5
    assert layers[1].conv.in_channels == layers[0].conv.out_channels == 16


def test_a_single_input_may_be_written_as_a_list():
    model = build([[3], 1, "EMA", []], [2, 1, "EMA", []])
    assert model.model[4].f == 3
    model(torch.zeros(1, 3, 64, 64))


def test_the_users_dictionary_is_not_changed():
    original = model_dict([[3, 2], 1, "FINE", ["1"]], [3, 1, "EMA", ["None"]])
    before = copy.deepcopy(original)
    tasks.parse_model(original, 3, False)
    assert original == before
    assert tasks.DetectionModel(original, ch=3, verbose=False).yaml["head"][0][2] == "FINE"


def test_activation_reaches_the_blocks_and_is_not_left_behind():
    from ultralytics.nn.modules import Conv

    before = Conv.default_act
    model = build([-1, 1, "UsesStockConv", []], activation="torch.nn.LeakyReLU(0.1)")
    assert isinstance(model.model[4].conv.act, nn.LeakyReLU)
    assert isinstance(model.model[0].act, nn.LeakyReLU)
    Conv.default_act = before  # releases before 8.4.190 leave it changed, also for stock YAMLs
    assert isinstance(build([-1, 1, "UsesStockConv", []]).model[4].conv.act, nn.SiLU)


def test_the_model_table_shows_our_blocks(caplog):
    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, logger="ultralytics"):
            tasks.DetectionModel(model_dict([[3, 2], 1, "FINE", [1]], [-1, 4, "EMA", []]), ch=3, verbose=True)
    finally:
        logger.removeHandler(caplog.handler)
    lines = [record.getMessage() for record in caplog.records]
    fine = next(line for line in lines if "blocks.fine.FINE" in line)
    ema = next(line for line in lines if "blocks.ema.EMA" in line)
    assert fine.split()[:4] == ["4", "[3,", "2]", "1"]
    assert fine.rstrip().endswith("[128, 64, 1]")
    assert ema.split()[:3] == ["5", "-1", "2"]
    assert not any("ResNetLayer" in line for line in lines)


def test_models_deepcopy_and_pickle():
    model = build([[3, 2], 1, "FINE", [1]], [3, 1, "DilatedContext", []]).eval()
    x = torch.rand(1, 3, 64, 64)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(x)[0], twin(x)[0])


ROWS = [  # row at layer 4, what the message must say
    ([[3], 1, "FINE", [1]], "FINE takes 2 inputs (high, low), 'from' gives 1"),
    ([3, 1, "FINE", [1]], "FINE takes 2 inputs (high, low), 'from' gives 1"),
    ([[3, 2], 1, "EMA", []], "EMA takes 1 input, 'from' gives 2"),
    ([[3], 1, "MeanOfMaps", []], "MeanOfMaps takes two inputs or more, 'from' gives 1"),
    ([[3, 2], 1, "FINE", [1, 2, "linear", "residual", 0.0, "Ture"]], "must be bool, got 'Ture'; did you mean True?"),
    ([3, 1, "UsesStockConv", ["Ture"]], "UsesStockConv argument 'flag' must be bool, got 'Ture'; did you mean True?"),
    ([3, 1, "UsesStockConv", [1]], "UsesStockConv argument 'flag' must be bool, got 1"),
    ([3, 1, "UsesStockConv", [True, "half"]], "UsesStockConv argument 'ratio' must be float, got 'half'"),
    ([3, 1, "UsesStockConv", [True, 1, 2]], "UsesStockConv takes at most 2 arguments, got 3"),
    ([3, 1, "UsesStockConv", [{"flagg": True}]], "UsesStockConv has no argument 'flagg'; did you mean 'flag'?"),
    ([3, 1, "UsesStockConv", [True, {"flag": True}]], "UsesStockConv argument 'flag' is given twice"),
    ([[3, 2], 1, "FINE", [3]], "FINE argument 'stride' must be 1 or 2 or 4, got 3"),
    ([[3, 2], 1, "FINE", [1, None, "liner"]], "must be 'linear' or 'softmax', got 'liner'; did you mean linear?"),
    ([3, 1, "EMA", [7]], "EMA argument 'factor' must be a divisor of the 128 channels, got 7"),
    ([3, 1, "WidthProbe", []], "WidthProbe needs its output channels as first argument"),
    ([[3, 2], 2, "FINE", [1]], "FINE can't be repeated"),
    ([[3, 9], 1, "FINE", [1]], "'from' points forward: 9 is not above layer 4"),
    ([4, 1, "EMA", []], "'from' points forward: 4 is not above layer 4"),
    ([-6, 1, "EMA", []], "'from' -6 lies before the first layer"),
    (["x", 1, "EMA", []], "'from' must be a layer index or a list of them, got 'x'"),
    ([3, 0, "EMA", []], "repeats must be a whole number from 1, got 0"),
    ([3, 1, "EMA"], "a row has four entries"),
    ([3, 1, "EMA", 8], "the arguments must be a list, got 8"),
]


@pytest.mark.parametrize(("row", "reason"), ROWS, ids=[reason[:40] for _, reason in ROWS])
def test_errors_name_file_layer_section_and_row(row, reason):
    head = [row, [3, 1, "EMA", []]]
    with pytest.raises(ModelYamlError) as caught:
        build(*head, yaml_file="folder/mine.yaml")
    message = str(caught.value)
    assert message.startswith("folder/mine.yaml: layer 4 (head[0]) " + str(row))
    assert reason in message
    if len(row) == 4:
        assert f" -> {row[2]}(" in message  # the accepted signature


@pytest.mark.parametrize("name", ["FINEE", "EMMA", "C3k3"])
@pytest.mark.parametrize("with_ours", [True, False])
def test_unknown_names_are_answered_with_the_nearest(name, with_ours):
    """Also in YAMLs that name no block of ours, and still as the KeyError that stock raises."""
    head = [[3, 1, name, [64]]] + [[3, 1, "EMA", []]] * with_ours
    with pytest.raises(UnknownBlockError, match=f"unknown module '{name}'; did you mean ") as caught:
        build(*head)
    assert isinstance(caught.value, KeyError)
    assert "layer 4 (head[0])" in str(caught.value)


def test_errors_of_stock_rows_stay_stock():
    with pytest.raises(TypeError) as caught:
        build([3, 1, "Conv", ["sixty"]], [3, 1, "EMA", []])
    assert not isinstance(caught.value, ModelYamlError)


def test_names_of_ultralytics_are_refused():
    with pytest.raises(BlockRegistrationError, match="Ultralytics already resolves 'C2f'"):
        block(inputs=1, out="same", kind="refine", name="C2f")(nn.Identity)


def test_yolo26_on_an_older_ultralytics_says_which_version_it_needs(monkeypatch):
    monkeypatch.setattr("yolo_fine.integration.parsing.parser.installed_version", lambda: (8, 3, 253))
    with pytest.raises(ModelYamlError, match=r"YOLO26 models need Ultralytics 8\.4\.0 or newer, this is 8\.3\.253"):
        build([3, 1, "EMA", []], end2end=True)


def test_a_changed_upstream_is_named_and_stock_yamls_still_work(monkeypatch):
    monkeypatch.setattr("yolo_fine.integration.parsing.parser.PLACEHOLDER", "SomethingElse")
    with pytest.raises(UpstreamError, match=r"yolo_fine assumes that .* Known to work: 8\.3\.0, .*8\.4\."):
        build([3, 1, "EMA", []])
    build([3, 1, "Conv", [64]])
