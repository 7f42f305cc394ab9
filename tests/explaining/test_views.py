# SPDX-License-Identifier: AGPL-3.0-or-later
"""What blocks say of themselves is what they do: a picture of a gate that is not the gate would be worse than none."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.nn import functional as F

from yolo_fine.catalog import get_block, list_blocks
from yolo_fine.explaining.looking import changed_map, views_of
from yolo_fine.integration.observing import SeenBlock
from yolo_fine.layers.views import Bars, HasViews, Heat, Points

CHANNELS, HEIGHT, WIDTH = 32, 8, 12
SHOWN = [spec.name for spec in list_blocks() if issubclass(spec.cls, HasViews)]
UPSAMPLERS = [name for name in SHOWN if get_block(name).kind == "upsample" or name == "FADE"]


BESIDE = ("Pick", "TimmAttn", "CFPT")  # they read other things than maps of one image side by side, or need timm


def build(name, **arguments):
    """A block without its gain (the paper's form), nothing at its initial value, and maps for it."""
    spec = get_block(name)
    torch.manual_seed(0)
    count = 2 if spec.input_names is None else len(spec.input_names)
    if "gain" in inspect.signature(spec.cls).parameters and name not in ("FINE", "FINEConcat"):
        arguments.setdefault("gain", None)
    module = spec.build([CHANNELS] * count, CHANNELS, arguments)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    strides = spec.strides or (1,) * count
    fine = min(strides)
    sizes = [(int(HEIGHT * fine / s * 2), int(WIDTH * fine / s * 2)) for s in strides]
    maps = [torch.randn(2, CHANNELS, *size) for size in sizes]
    return module.eval(), maps[0] if spec.inputs == 1 else maps


@pytest.mark.parametrize("name", SHOWN)
@torch.no_grad()
def test_views_are_finite_and_of_the_shapes_they_promise(name):
    module, x = build(name)
    views = list(module.views(x))
    assert views
    assert len({view.name for view in views}) == len(views)
    for view in views:
        if isinstance(view, Heat):
            assert view.values.ndim == 4
            assert view.values.shape[0] == 2
            assert min(view.values.shape[2:]) > 1
            assert view.values.isfinite().all()
            assert view.values.std() > 0  # a picture of one colour shows nothing
        elif isinstance(view, Bars):
            assert view.values.ndim == 2
            assert view.values.isfinite().all()
            assert not view.labels or len(view.labels) == view.values.shape[1]
        else:
            assert view.rows.shape == view.columns.shape == view.weights.shape
            assert torch.allclose(view.weights.sum(1), torch.ones(()), atol=1e-5)


@pytest.mark.parametrize("name", UPSAMPLERS)
@torch.no_grad()
def test_sampling_points_give_the_output(name):
    module, x = build(name)
    inputs = [x] if isinstance(x, torch.Tensor) else list(x)
    inputs[0] = inputs[0][:, :1].expand(-1, CHANNELS, -1, -1).contiguous()  # equal in all groups of channels
    points = next(view for view in module.views(inputs[0] if len(inputs) == 1 else inputs) if isinstance(view, Points))
    assert points.cells == tuple(inputs[0].shape[2:])
    height, width = points.cells
    framed = F.pad(inputs[0][:, :1], [40] * 4, mode="constant" if name != "DySample" else "replicate")
    grid = torch.stack([(points.columns + 40) * 2 / (width + 79) - 1, (points.rows + 40) * 2 / (height + 79) - 1], -1)
    sampled = F.grid_sample(framed, grid.flatten(1, 2), align_corners=True).reshape(points.weights.shape)
    expected = (sampled * points.weights).sum(1)
    if name == "FADE":  # blends what it upsampled with the shallow map
        gate = F.interpolate(module.gate(module.project(inputs[0])).sigmoid(), scale_factor=2.0, mode="nearest")
        expected = expected + gate[:, 0] * (inputs[1].mean(1) - expected)
    y = module(inputs[0] if len(inputs) == 1 else inputs)
    assert torch.allclose(y.mean(1), expected, atol=1e-4)


@torch.no_grad()
def test_the_modulation_of_fine_is_the_factor_that_it_applies():
    module, (high, low) = build("FINE", gain=0.7)
    (view,) = module.views([high, low])
    factor = F.interpolate(view.values, low.shape[2:], mode="bilinear")
    assert view.neutral == 1
    assert torch.allclose(module([high, low]), low * factor, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["CBAM", "SE", "ECA", "MSCAM", "CAT", "LSCM", "LCCM"])
def test_gates_are_what_the_map_is_multiplied_by(name):
    module, x = build(name)
    gates = [v.values if isinstance(v, Heat) else v.values[:, :, None, None] for v in module.views(x)]
    target = x if isinstance(x, torch.Tensor) else x[1]
    factor = gates[0] * gates[1] if name == "CBAM" else sum(gates) + (name == "LCCM")
    assert torch.allclose(module(x), target * factor, atol=1e-4)


@torch.no_grad()
def test_the_gate_of_ema_and_the_weights_of_sums():
    module, x = build("EMA")
    (view,) = module.views(x)
    groups = x.shape[1] // module.width
    factor = (module(x) / x).reshape(2, groups, module.width, *x.shape[2:]).median(2).values
    assert torch.allclose(view.values, factor, atol=1e-3)
    module, maps = build("WeightedAdd")
    (view,) = module.views(maps)
    assert torch.allclose(module(maps), sum(w * m for w, m in zip(view.values[0], maps, strict=True)), atol=1e-5)


@pytest.mark.parametrize("name", [spec.name for spec in list_blocks() if spec.name not in BESIDE])
@torch.no_grad()
def test_every_block_can_be_shown_whatever_it_puts_out(name):
    module, x = build(name, **({"gain": 0.5} if name in ("CAM", "PAM") else {}))
    shown = list(views_of(SeenBlock(3, "model.3", module, x, module(x))))
    assert all(view.values.isfinite().all() for view in shown if isinstance(view, Heat))
    several = get_block(name).out not in ("same", "first", "last", *(get_block(name).input_names or ()))
    assert shown or several or isinstance(module(x), (list, tuple)) or get_block(name).kind in ("conv", "downsample")


def test_blocks_of_several_maps_change_no_single_one():
    maps = [torch.rand(1, 4, 8, 8), torch.rand(1, 4, 4, 4)]
    pick = get_block("Pick").cls
    module = pick.__new__(pick)
    assert changed_map(SeenBlock(1, "model.1", module, maps, maps[0])) is None
