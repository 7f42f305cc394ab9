# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""ZoomCat, ScalSeq and CPAM: the contract, sizes, and ASF-YOLO's neck as a model of rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.composed import step_and_export
from tests.contract import BlockContract, Maps
from yolo_fine.blocks import CPAM, ScalSeq, ZoomCat
from yolo_fine.costs.block_facts import count_macs
from yolo_fine.errors import BlockArgumentError


class TestZoomCat(BlockContract):
    block = ZoomCat
    channels = (24, 16, 8)
    identity = False
    golden = "asf_zoom"
    parameters = [((256, 128, 64), {}, 0)]
    wrong = [((24, 16, "8"), {}, "c_shallow"), ((24, 0, 8), {}, "c_mid")]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width), (2 * height, 2 * width)]

    def test_every_parameter_learns_by_the_second_step(self) -> None:
        assert not list(self.build().parameters())

    def test_without_gradients_the_same(self) -> None:
        module, x = self.random(), self.maps()
        with torch.inference_mode():
            expected = self.run(module, x)
        leaves = [tensor.requires_grad_() for tensor in x]
        torch.testing.assert_close(self.run(module, leaves), expected)
        self.run(module, leaves).square().sum().backward()
        assert all(leaf.grad is not None and leaf.grad.any() for leaf in leaves)

    def test_cost(self) -> None:
        assert count_macs(self.random(), self.maps()) == 0


class TestScalSeq(BlockContract):
    block = ScalSeq
    channels = (40, 24, 16)
    published = {"gain": None}
    golden = "asf_scalseq"
    parameters = [((512, 256, 128), {"gain": None}, 115_584), ((512, 256, 128), {}, 115_584 + 128)]
    wrong = [((32, 16, 8), {"gain": "x"}, "gain")]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        halved = ((height + 1) // 2, (width + 1) // 2)
        return [((halved[0] + 1) // 2, (halved[1] + 1) // 2), halved, (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[2]


class TestCPAM(BlockContract):
    block = CPAM
    channels = (32, 24)
    identity = False
    golden = "asf_cpam"
    parameters = [((128, 128), {}, 3_093), ((128, 64), {}, 3_093 + 64 * 128 + 2 * 128)]
    wrong = [((32, 32), {"reduction": 0}, "reduction"), ((32, 32), {"gain": "x"}, "gain")]


@pytest.mark.parametrize("size", [(8, 12), (7, 5), (1, 3)])
def test_zoom_cat_pools_as_adaptive_pooling_where_sides_are_even(size: tuple[int, int]) -> None:
    shallow = torch.randn(1, 2, *size)
    half = tuple((side + 1) // 2 for side in size)
    x = [torch.randn(1, 3, *((side + 1) // 2 for side in half)), torch.randn(1, 4, *half), shallow]
    y = ZoomCat(3, 4, 2)(x)
    assert y.shape == (1, 9, *half)
    assert torch.equal(y[:, 2:6], x[1])
    if all(side % 2 == 0 for side in size):
        expected = F.adaptive_max_pool2d(shallow, half) + F.adaptive_avg_pool2d(shallow, half)
        torch.testing.assert_close(y[:, :2], expected)
    else:
        assert torch.equal(y[:, :2, -1, -1], 2 * shallow[:, :, -1, -1])  # a window of one cell


def test_scal_seq_in_eval_mode_is_what_the_maps_at_full_size_give() -> None:
    block = ScalSeq(8, 8, 8, gain=None).eval()
    deep, mid, shallow = torch.randn(1, 8, 2, 3), torch.randn(1, 8, 4, 6), torch.randn(1, 8, 8, 12)
    full = [shallow, F.interpolate(block.mid(mid), scale_factor=2.0), F.interpolate(block.deep(deep), scale_factor=4.0)]
    expected = block.shared(torch.cat(full)).view(3, 1, 8, 8, 12).amax(0)
    torch.testing.assert_close(block([deep, mid, shallow]), expected)


@pytest.mark.parametrize(("kept", "arguments"), [(0, {}), (1, {"gain": None})])
def test_cpam_with_a_gain_of_0_is_main_and_with_1_the_published_form(kept: int, arguments: dict[str, None]) -> None:
    torch.manual_seed(0)
    published = CPAM(16, 24, **arguments).eval()
    block = CPAM(16, 24, gain=float(kept)).eval()
    block.load_state_dict(published.state_dict(), strict=False)
    x = [torch.randn(2, 16, 5, 7), torch.randn(2, 24, 5, 7)]
    torch.testing.assert_close(block(x), published(x) if kept else x[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("block", "sizes", "named"),
    [
        (ZoomCat, [(4, 4), (4, 4), (8, 8)], "'deep' must have half"),
        (ZoomCat, [(2, 2), (4, 4), (4, 4)], "'shallow' must have twice"),
        (ScalSeq, [(2, 2), (4, 4), (4, 4)], "'mid' must have half"),
        (ScalSeq, [(4, 4), (4, 4), (8, 8)], "'deep' must have half"),
    ],
)
def test_wrong_sizes_are_named(block: type, sizes: list[tuple[int, int]], named: str) -> None:
    with pytest.raises(BlockArgumentError, match=f"{block.__name__}: {named}"):
        block(8, 8, 8)([torch.zeros(1, 8, *size) for size in sizes])


ASF_NECK = """
  - [-1, 1, Conv, [512, 1, 1]] # 11
  - [4, 1, Conv, [512, 1, 1]] # 12
  - [[11, 6, 12], 1, ZoomCat, []] # 13: P4 with its neighbours
  - [-1, 2, C3k2, [512, False]] # 14
  - [-1, 1, Conv, [256, 1, 1]] # 15
  - [2, 1, Conv, [256, 1, 1]] # 16
  - [[15, 4, 16], 1, ZoomCat, []] # 17: P3 with its neighbours
  - [-1, 2, C3k2, [256, False]] # 18
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 15], 1, Concat, [1]]
  - [-1, 2, C3k2, [512, False]] # 21: P4
  - [-1, 1, Conv, [512, 3, 2]]
  - [[-1, 11], 1, Concat, [1]]
  - [-1, 2, C3k2, [1024, True]] # 24: P5
  - [[10, 6, 4], 1, ScalSeq, [null]] # 25: three scales at P3
  - [[18, 25], 1, CPAM, []] # 26: P3
  - [[26, 21, 24], 1, Detect, [nc]]
"""


@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes
def test_the_neck_of_asf_yolo_trains_a_step_and_exports(tmp_path, monkeypatch) -> None:
    step_and_export(ASF_NECK, tmp_path, monkeypatch)
