# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""DySample: the contract in all its forms, where it looks, and a whole model with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import DySample
from yolo_fine.errors import ModelYamlError


class TestDySample(BlockContract):
    block = DySample
    channels = (32,)
    arguments = {"gain": 0.0}
    factor = 2
    published = {"gain": None}
    golden = "dysample"
    parameters = [
        ((128,), {}, 4128),
        ((128,), {"dyscope": True}, 8224),
        ((128,), {"gain": 0.0}, 4128 + 128),
        ((128,), {"style": "pl"}, 264),
        ((128,), {"style": "pl", "dyscope": True}, 520),
    ]
    wrong = [
        ((32,), {"groups": 5}, "groups"),
        ((30,), {"groups": 4}, "30 channels"),
        ((32,), {"scale": 1}, "scale"),
        ((32,), {"scale": 2.0}, "scale"),
        ((30,), {"style": "pl"}, "style"),
        ((32,), {"style": "pi"}, "style"),
        ((32,), {"gain": "high"}, "gain"),
    ]

    def untouched(self, x: Maps) -> Tensor:
        return F.interpolate(x[0], scale_factor=2, mode="nearest")


class TestDySampleAsPublished(TestDySample):
    arguments = {}
    identity = False


class TestDySampleWithLearntScope(TestDySample):
    arguments = {"gain": 0.0, "dyscope": True}


class TestDySampleShuffledFirst(TestDySample):
    arguments = {"gain": 0.0, "style": "pl", "dyscope": True}


class TestDySampleByThree(TestDySample):
    arguments = {"gain": 0.0, "scale": 3, "groups": 2}
    factor = 3

    def untouched(self, x: Maps) -> Tensor:
        return F.interpolate(x[0], scale_factor=3, mode="nearest")


def test_without_offsets_it_is_bilinear() -> None:
    block, x = DySample(8).eval(), torch.randn(2, 8, 5, 7)
    torch.nn.init.zeros_(block.offset.weight)
    torch.testing.assert_close(block(x), F.interpolate(x, scale_factor=2, mode="bilinear"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_a_shift_moves_the_image(style: str) -> None:
    block, x = DySample(8, style=style).eval(), torch.randn(1, 8, 6, 6)
    torch.nn.init.zeros_(block.offset.weight)
    with torch.no_grad():
        block.offset.bias.view(2, -1)[0] = 4.0  # one cell to the right, after the factor 0.25
    shifted = F.interpolate(torch.cat([x[..., 1:], x[..., -1:]], 3), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(block(x)[..., 1:-2], shifted[..., 1:-2], rtol=1e-4, atol=1e-5)


def test_points_are_exact_in_half_precision_on_a_large_map() -> None:
    # In bfloat16 a row of 640 cells has places 4 cells apart; the points must not be rounded to them.
    block = DySample(4).eval()
    torch.nn.init.zeros_(block.offset.weight)
    x = torch.arange(640.0).remainder(2).expand(1, 4, 2, 640)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(block.bfloat16()(x.bfloat16()).float(), expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gain_of_zero_is_nearest_and_gain_of_one_the_published_form(dtype: torch.dtype) -> None:
    published, x = randomised(DySample(16)), torch.randn(3, 16, 5, 9, dtype=dtype)
    for gain, expected in ((0.0, F.interpolate(x, scale_factor=2, mode="nearest")), (1.0, published.to(dtype)(x))):
        blended = DySample(16, gain=gain).to(dtype)
        blended.load_state_dict(published.state_dict(), strict=False)
        assert torch.equal(blended(x), expected)


def test_style_pl_is_lp_with_one_weight_for_all_sub_pixels() -> None:
    pl, lp, x = randomised(DySample(16, style="pl", dyscope=True)), DySample(16, dyscope=True), torch.randn(2, 16, 5, 7)
    for ours, theirs in ((lp.offset, pl.offset), (lp.scope, pl.scope)):
        spread = torch.einsum("oi,st->osit", theirs.weight[..., 0, 0], torch.eye(4))  # sub-pixel s reads its channels
        ours.weight.data.copy_(spread.reshape(32, 16, 1, 1))
    lp.offset.bias.data.copy_(pl.offset.bias.repeat_interleave(4))
    torch.testing.assert_close(pl(x), lp(x), rtol=1e-4, atol=1e-4)


def test_borders_are_repeated_far_outside_the_map() -> None:
    block, x = DySample(4).eval(), torch.randn(1, 4, 3, 5)
    torch.nn.init.constant_(block.offset.bias, 400.0)  # 100 cells to the right and down
    torch.testing.assert_close(block(x), x[..., -1:, -1:].expand(1, 4, 6, 10), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("channels", "groups"), [(32, 4), (6, 3), (7, 1), (10, 2)])
def test_default_groups_divide_the_channels(channels: int, groups: int) -> None:
    assert DySample(channels).groups == groups


def randomised(module: DySample) -> DySample:
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


def stock_with_dysample(row: list[object]) -> dict[str, object]:
    """Stock yolo11n with ``row`` in place of both nn.Upsample rows."""
    from ultralytics.nn.tasks import yaml_model_load

    model = yaml_model_load("yolo11n.yaml")
    found = [i for i, (_, _, name, _) in enumerate(model["head"]) if name == "nn.Upsample"]
    assert len(found) == 2
    for i in found:
        model["head"][i] = list(row)
    return model


def test_in_place_of_nn_upsample_a_gain_of_zero_leaves_the_model_as_it_was() -> None:
    from ultralytics.nn.tasks import DetectionModel

    stock = DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    model = DetectionModel(stock_with_dysample([-1, 1, "DySample", [{"gain": 0.0}]]), nc=2, verbose=False)
    missing, unexpected = model.load_state_dict(stock.state_dict(), strict=False)  # a replaced row moves no index
    assert not unexpected
    assert {key.split(".")[1] for key in missing} == {"11", "14"}
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(model.eval()(x)[0], stock.eval()(x)[0])


def test_a_model_learns_and_exports_for_all_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a model without a checkpoint is exported into the working folder
    onnxruntime = pytest.importorskip("onnxruntime")
    from ultralytics import YOLO

    file = tmp_path / "yolo11n-up.yaml"
    file.write_text(yaml.safe_dump(stock_with_dysample([-1, 1, "DySample", []])))
    model = YOLO(file)
    blocks = [layer for layer in model.model.model if isinstance(layer, DySample)]
    outputs = model.model.train()(torch.rand(2, 3, 64, 64))
    maps = outputs.values() if isinstance(outputs, dict) else outputs
    sum(y.square().mean() for y in maps if isinstance(y, Tensor)).backward()
    assert len(blocks) == 2
    for block in blocks:
        assert all(parameter.grad.abs().sum() > 0 for parameter in block.parameters())
        randomised(block)
    session = onnxruntime.InferenceSession(model.export(format="onnx", imgsz=64, dynamic=True, verbose=False))
    for size in ((64, 64), (96, 160)):
        x = torch.rand(1, 3, *size)
        with torch.no_grad():
            expected = model.model.eval()(x)[0]
        (y,) = session.run(None, {"images": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), expected, rtol=1e-3, atol=1e-3)


def test_repeats_are_refused_because_each_would_double_the_size() -> None:
    from ultralytics.nn.tasks import DetectionModel

    with pytest.raises(ModelYamlError, match="DySample can't be repeated"):
        DetectionModel(stock_with_dysample([-1, 2, "DySample", []]), nc=2, verbose=False)
