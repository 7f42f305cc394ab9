# SPDX-License-Identifier: AGPL-3.0-or-later
"""The dry run says of every layer what the real model does, and why a layer can't be."""

from __future__ import annotations

import copy
import socket

import pytest
import torch
from torch import nn

from yolo_fine import block
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.dry_run import rows as running
from yolo_fine.integration.dry_run.limits import too_large
from yolo_fine.integration.dry_run.maps import Map
from yolo_fine.integration.dry_run.rows import DryRun, depth_of
from yolo_fine.integration.dry_run.watch import MOST_STEPS, Watch
from yolo_fine.integration.parsing.rows import Row

tasks = pytest.importorskip("ultralytics.nn.tasks")
MODEL = {"nc": 3, "scales": {"n": [0.5, 0.25, 1024]}, "scale": "n", "yaml_file": "mine.yaml"}


@block(inputs=1, out="same", kind="refine")
class LooksAtNumbers(nn.Module):
    """A test block whose constructor and forward pass can't do with shapes alone."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]

    def forward(self, x):
        return x if x.sum().item() < self.rates[-1] else -x


@block(inputs=1, out="same", kind="refine")
class DropsChannels(nn.Module):
    """A test block that does not put out what it declares."""

    def __init__(self, c1: int) -> None:
        super().__init__()

    def forward(self, x):
        return x[:, :1]


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch):
    monkeypatch.setattr(running, "_known", {})


def row(raw, index=4):
    return Row(index, "head", 0, raw, "mine.yaml")


def run(raw, *shapes, index=4, **keys):
    sources = [Map(shape[0], torch.zeros(1, *shape, device="meta")) for shape in shapes or [(64, 32, 32)]]
    return DryRun({**MODEL, **keys, "backbone": [], "head": []}).run(row(raw, index), sources)


@pytest.mark.parametrize("name", ["yolo11n-small.yaml", "yolov8n-seg.yaml", "yolov9e.yaml"])
def test_every_layer_is_as_in_the_real_model(name):
    model = tasks.yaml_model_load(name)
    maps = DryRun(model).outputs()
    layers, _ = tasks.parse_model(copy.deepcopy(model), 3, False)
    counted = [sum(parameter.numel() for parameter in layer.parameters()) for layer in layers]
    assert [output.parameters for output in maps][:-1] == counted[:-1]
    assert maps[-1].parameters >= counted[-1]  # a head behind C3k2 is lighter than one that is built alone
    x, kept = torch.zeros(1, 3, 256, 256), []
    for layer, output in zip(list(layers)[:-1], maps, strict=False):
        sources = layer.f if isinstance(layer.f, list) else [layer.f]
        inputs = [x if source == -1 else kept[source] for source in sources]
        with torch.no_grad():
            x = layer.eval()(inputs if isinstance(layer.f, list) else inputs[0])
        kept.append(x)
        if torch.is_tensor(x):
            assert output.shape == tuple(x.shape)
            assert output.real_channels == output.channels


def test_a_map_says_what_it_is():
    output = run([-1, 1, "Conv", [256, 3, 2]])
    assert str(output) == "64 channels at stride 16"
    assert (output.stride, output.real_channels, output.channels, output.values) == (16, 64, 64, 64 * 16 * 16)
    assert output.has_whole_stride
    odd = run([-1, 1, "nn.MaxPool2d", [3, 1]])
    assert str(odd) == "64 channels at 30x30 cells"
    assert not odd.has_whole_stride
    assert str(run([-1, 1, "nn.Flatten", []])) == "not a map"


def test_a_row_that_was_run_is_remembered(monkeypatch):
    first = run([-1, 1, "Conv", [256, 3, 2]])
    monkeypatch.setattr(DryRun, "_run", None)
    assert run([3, 1, "Conv", [256, 3, 2]]) is first
    with pytest.raises(TypeError):  # another width: it would have to be run
        run([-1, 1, "Conv", [256, 3, 2]], scales={"n": [0.5, 0.5, 1024]})


def test_blocks_that_look_at_numbers_get_some():
    assert run([-1, 1, "LooksAtNumbers", []]).shape == (1, 64, 32, 32)
    assert run([-1, 1, "LooksAtNumbers", []]).value.is_meta


def test_real_and_declared_channels_are_told_apart():
    output = run([-1, 1, "DropsChannels", []])
    assert (output.real_channels, output.channels) == (1, 64)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([[-1], 1, "Conv", [64]], "; it reads one layer: write 'from' as -1"),
        ([-1, 1, "Concat", [1]], "; it reads a list of layers: write 'from' as [-1, ...]"),
        ([-1, 4, "Conv", [512]], "; with repeats 1 it fits: repeats follow one another"),
        ([-1, 1, "Conv", ["x"]], "Ultralytics can't build it: TypeError"),
        ([-1, 1, "Conf", [64]], "unknown module 'Conf'; did you mean Conv"),
        ([-1, 1, "ClassificationModel", []], "ClassificationModel is a whole model, no layer"),
        ([-1, 1, "Conv", [64, False]], "it has a parameter without values: a size is 0"),
        ([-1, 900, "nn.Identity", []], None),
        ([-1, 5000, "nn.Identity", []], "2,500 repeats (with the model's depth) are more than 1000"),
        ([-1, 1, "nn.Identity", [{"a": ["200000"]}]], "the argument '200000' is too large"),
    ],
)
def test_why_a_row_can_not_be(raw, said):
    if said is None:
        assert run(raw).shape == (1, 64, 32, 32)
        return
    with pytest.raises(ModelYamlError) as caught:
        run(raw)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"mine.yaml: layer 4 (head[0]) {raw}: ")


def test_sizes_that_do_not_fit_are_listed():
    with pytest.raises(ModelYamlError, match="from -1: 64 channels at stride 8; from 2: 32 channels at stride 4"):
        run([[-1, 2], 1, "Concat", [1]], (64, 32, 32), (32, 64, 64))


@pytest.mark.skipif(not hasattr(tasks, "TorchVision"), reason="this release knows no layers of torchvision")
def test_nothing_is_downloaded(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)
    for args in ([512, "resnet18"], [512, "resnet18", "DEFAULT", True, 2], [512, "resnet18", "IMAGENET1K_V1"]):
        assert run([-1, 1, "TorchVision", args], (3, 256, 256)).shape == (1, 512, 8, 8)


@pytest.mark.parametrize(
    ("text", "said"),
    [("nn.ReLU(1, 2, 3)", "can't be used: TypeError"), ("nn.Flatten()", "changes the shape of a map")],
)
def test_an_activation_is_tried_alone(text, said):
    with pytest.raises(ModelYamlError, match=said):
        DryRun({**MODEL, "activation": text, "backbone": [], "head": []}).activation()
    assert isinstance(DryRun({**MODEL, "activation": "nn.SELU()"}).activation(), nn.SELU)


def test_the_watch_counts_and_measures():
    with pytest.raises(RuntimeError, match="it needs more than"), Watch(), torch.device("meta"):
        nn.ModuleList(nn.PReLU() for _ in range(MOST_STEPS + 1))
    with pytest.raises(RuntimeError, match="a tensor of 1,000,000 values"), Watch(1000), torch.device("meta"):
        torch.zeros(1000, 1000)


def test_the_largest_number():
    assert too_large([1, ["x", {"a": [100_000, "3"]}], None, True, "nearest", "("]) is None
    for value in (100_001, -1e9, float("nan"), float("inf"), "1e6", "(1, 200000)"):
        assert too_large([1, [value]]) is value


def test_the_factor_on_repeats():
    assert depth_of(MODEL) == 0.5
    assert depth_of({"scales": {"s": [0.3, 1, 1]}}) == 0.3  # the first, as Ultralytics takes it
    assert depth_of({"depth_multiple": 2}) == 2
    assert depth_of({}) == 1
    assert depth_of({"scales": [1]}) == 1


def test_a_batch_norm_is_told_by_its_shape_and_refused_where_it_does_not_fit():
    norm, value = nn.BatchNorm2d(6, device="meta").eval(), torch.zeros(1, 6, 5, 4, device="meta")
    with torch.no_grad(), Watch():
        assert norm(value).shape == value.shape
        assert norm(value).is_meta
        with pytest.raises(RuntimeError, match="running_mean should contain 3 elements"):
            norm(value[:, :3])
