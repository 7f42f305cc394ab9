# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SPDConv: the contract in both orders, and the convolution of stride 2 that it takes over."""

from __future__ import annotations

import pytest
import torch
from ultralytics.nn.modules import Conv, DWConv

from tests.contract import BlockContract
from yolo_fine.blocks import SPDConv
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.space_to_depth import space_to_depth


class TestSPDConv(BlockContract):
    block = SPDConv
    channels = (16,)
    arguments = {"c2": 24}
    identity = False
    golden = "spdconv"
    parameters = [
        ((128, 256), {}, 1_180_160),
        ((64, 128), {}, 295_168),
        ((128, 256), {"kernel": 1}, 131_584),
        ((64, 128), {"order": "conv_space"}, 18_496),
    ]
    wrong = [
        ((16, 24), {"kernel": 2}, "kernel"),
        ((16, 24), {"order": "space_first"}, "order"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [(2 * height - height % 2, 2 * width - width % 2)]


class TestSPDConvOfTheAuthorsYAML(TestSPDConv):
    arguments = {"c2": 24, "order": "conv_space"}


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(12, 16), (13, 16), (12, 7), (1, 1)])
def test_it_takes_over_a_convolution_of_stride_2(kernel: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv, block, x = Conv(8, 12, 3, 2).eval(), SPDConv(8, 12, kernel).eval(), torch.randn(2, 8, *size)
    with torch.no_grad():
        for tensor in conv.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.rand_like(tensor))
    tensors = block.tensors_of(conv)
    assert tensors is not None
    block.load_state_dict(tensors)
    torch.testing.assert_close(block(x), conv(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        (Conv(8, 12, 3, 1), SPDConv(8, 12)),
        (Conv(8, 12, 1, 2), SPDConv(8, 12)),
        (Conv(8, 16, 3, 2), SPDConv(8, 12)),
        (Conv(8, 12, 3, 2, g=4), SPDConv(8, 12)),
        (DWConv(8, 12, 3, 2), SPDConv(8, 12)),
        (torch.nn.Conv2d(8, 12, 3, 2), SPDConv(8, 12)),
        (Conv(8, 12, 3, 2), SPDConv(8, 12, 1)),  # its two taps a side are none of the three
        (Conv(8, 12, 3, 2), SPDConv(8, 12, order="conv_space")),
    ],
)
def test_other_layers_can_not_be_taken_over(layer: torch.nn.Module, block: SPDConv) -> None:
    assert block.tensors_of(layer) is None


def test_the_channels_of_the_authors_order_are_those_of_four_cells() -> None:
    with pytest.raises(BlockArgumentError, match=r"SPDConv argument 'c2' must be divisible by 4 .* got 26"):
        SPDConv(16, 26, order="conv_space")


def test_cells_become_channels_in_the_authors_order() -> None:
    x = torch.arange(12.0).view(1, 1, 2, 6)
    parts = [x[..., row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert torch.equal(space_to_depth(x), torch.cat(parts, 1))
    assert space_to_depth(x[..., :1, :5])[0, :, 0, 2].tolist() == [4, 0, 0, 0]
