# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""FINE and FINEConcat: the contract, and what is particular to them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import FINE, FINEConcat
from yolo_fine.catalog import get_block
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.pooling import pool
from yolo_fine.layers.positions import sincos_2d

WRONG = [
    ((48, 32), {"stride": 3}, "stride"),
    ((48, 32), {"stride": True}, "stride"),
    ((48, 32), {"heads": 5}, "heads"),
    ((48, 32), {"heads": 0}, "heads"),
    ((48, 32), {"attn": "liner"}, "'linear' or 'softmax'"),
    ((48, 32), {"modulation": "add"}, "modulation"),
    ((48, 32), {"mlp_ratio": 0}, "mlp_ratio"),
    ((48, 32), {"gain": "zero"}, "gain"),
]


class TestFINE(BlockContract):
    block = FINE
    channels = (48, 32)
    arguments = {"stride": 2}
    published = {"modulation": "mul"}
    golden = "fine"
    parameters = [
        ((256, 128), {"stride": 2, "modulation": "mul"}, 231_440),
        ((256, 128), {"stride": 2}, 231_440 + 128),
        ((256, 128), {"attn": "softmax", "modulation": "mul"}, 231_424),
        ((512, 256), {"modulation": "mul"}, 921_616),
    ]
    wrong = [
        *WRONG,
        ((48, 30), {}, "c_low"),
        ((48, 32), {"embed": False}, "embed"),
        ((48, 32), {"qk_norm": "max"}, "qk_norm"),
        ((48, 32), {"attn_norm": "batch"}, "attn_norm"),
        ((48, 32), {"attn": "softmax", "cosformer": True}, "cosformer"),
    ]
    without_gradient = frozenset({"embed.conv.bias"})  # the batch norm behind it subtracts the mean

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[1]


class TestFINESoftmax(TestFINE):
    arguments = {"stride": 1, "attn": "softmax"}


class TestFINEConcat(TestFINE):
    block = FINEConcat
    wrong = [*WRONG]
    without_gradient = frozenset({"fine.embed.conv.bias"})

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [(height, width)] * 2

    def untouched(self, x: Maps) -> Tensor:
        return torch.cat(x, 1)

    def test_wrong_arguments_are_named(self) -> None:
        for channels, arguments, named in self.wrong:
            with pytest.raises(BlockArgumentError, match=named):
                FINEConcat(*channels, **arguments)


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


def test_concat_row_needs_one_word() -> None:
    assert get_block("FINEConcat").bind([1]) == {"stride": 1}


def test_concat_undoes_a_nearest_upsample() -> None:
    block = randomised(FINEConcat(48, 32, 2))
    high, low = torch.randn(2, 48, 8, 6), torch.randn(2, 32, 16, 12)
    upsampled = F.interpolate(high, scale_factor=2, mode="nearest")
    expected = torch.cat([upsampled, block.fine([high, low])], 1)
    assert torch.equal(block([upsampled, low]), expected)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_pool_and_projection_commute_in_eval(stride: int) -> None:
    block = randomised(FINE(48, 32, stride))
    high, low = torch.randn(1, 48, 16, 24), torch.randn(1, 32, 32, 48)
    expected = F.avg_pool2d(block.embed(high), stride)
    block.embed.register_forward_hook(lambda module, x, y: torch.testing.assert_close(y, expected))
    block([high, low])


def test_mean_norm_is_the_authors_up_to_eps() -> None:
    x = [torch.randn(1, 48, 8, 8), torch.randn(1, 32, 16, 16)]
    torch.manual_seed(0)
    ours = FINE(48, 32, modulation="mul", rms_eps=0.0).eval()
    theirs = FINE(48, 32, modulation="mul", rms_eps=0.0, qk_norm="sum").eval()
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_mean_norm_does_not_fade_with_resolution() -> None:
    # The size of the normalised attention on 64 and on 1600 tokens: 1 unless the eps of the norm eats it.
    sizes = {}
    for qk_norm in ("mean", "sum"):
        torch.manual_seed(0)
        block = FINE(32, 32, qk_norm=qk_norm, pe=False).eval()
        seen: list[Tensor] = []
        block.attention.norm.register_forward_hook(lambda module, x, y, seen=seen: seen.append(y.detach()))
        for side in (8, 40):
            block([torch.randn(1, 32, side, side), torch.randn(1, 32, 2 * side, 2 * side)])
        sizes[qk_norm] = [float(y.square().mean().sqrt()) for y in seen]
    assert min(sizes["mean"]) > 0.95
    assert sizes["sum"][1] < 0.8 * sizes["sum"][0]


@pytest.mark.parametrize(("channels", "heads"), [(128, 8), (32, 2), (56, 2), (8, 1), (104, 4)])
def test_default_heads_hold_16_channels_or_a_little_more(channels: int, heads: int) -> None:
    assert FINE(16, channels).attention.heads == heads


@pytest.mark.parametrize("size", [(8, 8), (5, 5), (8, 4), (3, 4)])
def test_wrong_sizes_name_the_maps_and_the_layer(size: tuple[int, int]) -> None:
    block = FINE(8, 8)
    block.i = 11  # as Ultralytics attaches it
    with pytest.raises(BlockArgumentError, match=f"high {size[0]}x{size[1]}, low 8x8") as caught:
        block([torch.zeros(1, 8, *size), torch.zeros(1, 8, 8, 8)])
    assert str(caught.value).startswith("FINE (layer 11): ")


def test_concat_refuses_maps_of_different_size() -> None:
    with pytest.raises(BlockArgumentError, match="upsampled"):
        FINEConcat(8, 8)([torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 8, 8)])


def test_positions_are_rows_and_columns() -> None:
    oblong, square, quarter = torch.zeros(1, 16, 2, 3), torch.zeros(1, 16, 3, 3), 4
    encoding = sincos_2d(oblong)
    assert encoding.shape == (16, 2, 3)
    assert torch.equal(encoding[: 2 * quarter, 1, 0], encoding[: 2 * quarter, 1, 2])  # the row's half
    assert torch.equal(encoding[2 * quarter :, 0, 2], encoding[2 * quarter :, 1, 2])  # the column's half
    assert encoding[0, 1, 2] == torch.tensor(1.0).sin()
    assert encoding[3 * quarter, 1, 2] == torch.tensor(2.0).cos()
    assert not torch.equal(sincos_2d(oblong, legacy=True), encoding)
    assert torch.equal(sincos_2d(square, legacy=True), sincos_2d(square))


def test_positions_are_built_once() -> None:
    like = torch.zeros(1, 16, 5, 7)
    assert sincos_2d(like) is sincos_2d(like)
    assert sincos_2d(like.half()).dtype == torch.float16


def test_ultralytics_counts_what_grows_with_the_image() -> None:
    # Its GFLOPs extrapolate from small images: the resampling on a CPU must not enter them.
    thop = pytest.importorskip("thop")
    small, large = (
        thop.profile(FINE(48, 32, 2), ([torch.zeros(1, 48, s, s), torch.zeros(1, 32, 2 * s, 2 * s)],), verbose=False)[0]
        for s in (8, 16)
    )
    assert large == 4 * small


@pytest.mark.parametrize(("size", "expected"), [((1, 3), (1, 1)), ((4, 1), (1, 1)), ((9, 12), (2, 3))])
def test_a_map_smaller_than_the_window_gives_one_cell(size: tuple[int, int], expected: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    y = pool(x, 4)
    assert y.shape[2:] == expected
    if expected == (1, 1):
        torch.testing.assert_close(y, x.mean((2, 3), keepdim=True))
