# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SK: the contract, its paths, and how they are selected."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import SK
from yolo_fine.errors import BlockArgumentError


class TestSK(BlockContract):
    block = SK
    channels = (32,)
    published = {"gain": None}
    golden = "sk"
    parameters = [
        ((128,), {"gain": None}, 22_080),
        ((128,), {}, 22_080 + 128),
        ((128,), {"groups": 1, "split": True, "smallest": 8, "gain": None}, 151_056),
    ]
    wrong = [
        ((32,), {"kernels": (3, 4)}, "kernels"),
        ((32,), {"kernels": (3,)}, "kernels"),
        ((32,), {"groups": 5}, "groups"),
        ((32,), {"reduction": 0}, "reduction"),
        ((32,), {"smallest": 0}, "smallest"),
        ((32,), {"gain": True}, "gain"),
    ]


class TestSKOfTimm(TestSK):
    arguments = {"groups": 1, "split": True, "smallest": 8}


def test_channels_must_split() -> None:
    with pytest.raises(BlockArgumentError, match="'split' must be False: 32 channels, 3 paths"):
        SK(32, (3, 5, 7), split=True)


@pytest.mark.parametrize("dilate", [True, False])
def test_paths_have_the_reach_of_their_kernels(dilate: bool) -> None:
    block = SK(8, (3, 7), dilate=dilate, gain=None).eval()
    for path, reach in zip(block.paths, (1, 3), strict=True):
        x = torch.randn(1, 8, 11, 11, requires_grad=True)
        path.bn.bias.data.fill_(10.0)  # past ReLU
        path(x)[0, :, 5, 5].sum().backward()
        rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten().tolist()
        assert (rows[0], rows[-1]) == (5 - reach, 5 + reach)


def test_each_channel_chooses_its_path() -> None:
    block, x = SK(8, gain=None).eval(), torch.randn(2, 8, 6, 5)
    block.squeeze.bn.bias.data.fill_(1.0)
    block.select.weight.data.zero_()
    block.select.weight.data[:4] = 100.0  # channels 0 to 3 take the first path
    block.select.weight.data[12:] = 100.0  # the others the second
    y, maps = block(x), [path(x) for path in block.paths]
    torch.testing.assert_close(y, torch.cat([maps[0][:, :4], maps[1][:, 4:]], 1))
