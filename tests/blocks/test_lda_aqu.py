# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""LDA-AQU: the contract, where its points lie, and samples in bags beside samples one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import LDAAQU
from yolo_fine.layers.sampling import Places, sample, weighted_sample

BEHIND_ZEROS = {"offset_depthwise.weight", "offset_norm.weight", "offset_norm.bias"}


class TestLDAAQU(BlockContract):
    block = LDAAQU
    channels = (64,)  # a LayerNorm over 2 channels, as 16 would give, is nearly a sign: no limit on errors holds
    factor = 2
    identity = False
    golden = "lda_aqu"
    half_tolerance = 0.2  # bfloat16 rounds an offset of 11 cells by some hundredths; measured up to 0.13 on noise
    parameters = [((128,), {}, 11522), ((128,), {"gain": 0.0}, 11522 + 128), ((256,), {}, 39410)]
    wrong = [
        ((16,), {"scale": 1}, "scale"),
        ((16,), {"kernel": 2}, "kernel"),
        ((16,), {"groups": 3}, "groups"),
        ((16,), {"reduction": 5}, "reduction"),
        ((16,), {"reach": -1.0}, "reach"),
        ((16,), {"padding": "reflect"}, "padding"),
        ((16,), {"gain": "high"}, "gain"),
    ]

    def untouched(self, x: Maps) -> Tensor:
        return F.interpolate(x[0], scale_factor=2, mode="nearest")


class TestLDAAQUWithGain(TestLDAAQU):
    arguments = {"gain": 0.0}
    identity = True
    published = {"gain": None}
    without_gradient = frozenset(BEHIND_ZEROS)  # the gain moves first, the zeros behind them second, they third


class TestLDAAQUWithRepeatedBorder(TestLDAAQU):
    arguments = {"padding": "border", "groups": 1}


class TestLDAAQUUnmoved(TestLDAAQU):
    arguments = {"reach": 0}
    golden = "local_aqu"
    half_tolerance = 0.05
    parameters = [((128,), {"reach": 0}, 8736), ((36,), {"reach": 0, "gain": 0.0}, 2 * 9 * 36 + 9 * 9 + 3 * 36)]


@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize(("kernel", "scale"), [(3, 2), (5, 3)])
def test_without_reach_it_is_the_limit_of_a_small_one(padding: str, kernel: int, scale: int) -> None:
    torch.manual_seed(0)
    unmoved, moved = (LDAAQU(8, scale, kernel, reach=reach, padding=padding) for reach in (0, 1e-30))
    assert not any(name.startswith("offset") for name, _ in unmoved.named_parameters())
    moved.load_state_dict(unmoved.state_dict(), strict=False)
    for size in ((5, 7), (1, 4), (1, 1)):
        x = torch.randn(2, 8, *size)
        torch.testing.assert_close(unmoved(x), moved(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4), (6, 1)])
def test_a_bag_is_the_weighted_sum_of_samples(padding: str, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, *size, generator=generator, requires_grad=True)
    parts = [torch.empty(2, 4, 6, 8).uniform_(-3, 4, generator=generator).requires_grad_() for _ in "yx"]
    wholes = [torch.randint(side, (6, 8), generator=generator) for side in size]
    # On a side of one cell, corners aligned, every point lies on that cell.
    rows, columns = (Places(w, p if side > 1 else 0 * p) for w, p, side in zip(wholes, parts, size, strict=True))
    weights = torch.randn(2, 4, 6, 8, generator=generator, requires_grad=True)
    expected = (sample(maps, rows, columns, padding) * weights[:, None]).sum(2)
    y = weighted_sample(maps, rows, columns, weights, padding)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    against = torch.randn(y.shape, generator=generator)
    leaves = (maps, *parts, weights)
    for ours, theirs in zip(
        torch.autograd.grad((y * against).sum(), leaves, retain_graph=True),
        torch.autograd.grad((expected * against).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_without_queries_it_is_the_mean_of_nine_points_of_bilinear() -> None:
    block, x = LDAAQU(8, padding="border"), torch.randn(1, 8, 6, 7)
    block.query_key.weight.data.zero_()
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    mean = F.avg_pool2d(F.pad(bilinear, (1, 1, 1, 1), mode="replicate"), 3, 1)
    torch.testing.assert_close(block(x), mean, rtol=1e-4, atol=1e-5)


def test_offsets_are_rows_then_columns_in_output_cells() -> None:
    block, x = LDAAQU(8, reach=10.0).eval(), torch.randn(1, 8, 8, 9)
    with torch.no_grad():
        block.query_key.weight.zero_()
        block.offset.bias.view(9, 2)[:, 1] = torch.tensor(0.2).atanh()  # two output cells to the right
    unmoved = LDAAQU(8)
    unmoved.query_key.weight.data.zero_()
    torch.testing.assert_close(block(x)[..., :-3], unmoved(x)[..., 2:-1], rtol=1e-4, atol=1e-4)


def test_zeros_outside_which_are_the_authors_take_from_the_border_only() -> None:
    x = torch.ones(1, 8, 6, 7)
    repeated, zeros = LDAAQU(8, padding="border")(x), LDAAQU(8)(x)
    torch.testing.assert_close(repeated, torch.ones(1, 8, 12, 14))
    torch.testing.assert_close(zeros[..., 2:-2, 2:-2], repeated[..., 2:-2, 2:-2])
    assert zeros[..., 0, :].max() < 0.95
