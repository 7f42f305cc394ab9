# SPDX-License-Identifier: AGPL-3.0-or-later
"""SAPA: an upsampler in which each fine cell blends the coarse cells that resemble it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from yolo_fine.layers.checks import doubles, require_sizes
from yolo_fine.layers.gain import ResidualGain, nearest
from yolo_fine.layers.reassembly import fine_cells, reassemble, similarities
from yolo_fine.layers.softmax import softmax
from yolo_fine.layers.views import View, kernel_points
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odd, Positive


@block(
    inputs=("deep", "shallow"),
    out="deep",
    kind="upsample",
    paper="https://arxiv.org/abs/2209.12866",
    origin="adaptation",
    strides=(2, 1),
)
class SAPA(nn.Module):
    """Similarity-aware point affiliation: the shallow map says which deep cells an upsampled cell belongs to.

    "SAPA: Similarity-Aware Point Affiliation for Feature Upsampling" (NeurIPS 2022, arXiv 2209.12866), its plain
    inner-product form.

    1. Queries from the shallow map and keys from the deep one: LayerNorm over channels, linear, to ``hidden`` channels.
    2. Each fine cell compares its query with the k x k keys around the deep cell it lies in; softmax, without a scale.
    3. It is the sum of these deep cells, as they are, under those weights.

    ADAPTATION. The authors' code needs their CUDA extension, so there are no tensors of theirs to compare with. Ours:
    outside the map keys and values are zeros (a place there has logit 0), weights start truncated normal with a
    standard deviation of 0.02, biases at 0; and the gain.

    At init: near the mean of the window, as published, which is not what the ``nn.Upsample`` of a stock YAML does. With
    ``gain=0.0`` the output equals nearest upsampling to the bit: ``nearest(deep) + g·(SAPA - nearest(deep))``.

    Cost: 17 024 parameters (+ c_deep gains) and 0.066 GMACs, + 0.031 of similarities and weighted sums, at deep
    128@40x40, shallow 128@80x80.

    Args:
        c_deep: Channels of ``deep`` and of the output.
        c_shallow: Channels of ``shallow``.
        kernel: Side k of the window.
        hidden: Channels of queries and keys.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: [deep (B, c_deep, H/2, W/2), shallow (B, c_shallow, H, W)], odd sizes rounded up as stride-2 convolutions do;
        output (B, c_deep, H, W). Similarities and sums are computed in float32 and cast back.

    Raises:
        BlockArgumentError: ``deep`` has not half the size of ``shallow``.
    """

    def __init__(
        self, c_deep: int, c_shallow: int, kernel: Odd = 5, hidden: Positive = 64, *, gain: Gain | None = None
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.norm_deep, self.norm_shallow = nn.LayerNorm(c_deep), nn.LayerNorm(c_shallow)
        self.key, self.query = nn.Linear(c_deep, hidden), nn.Linear(c_shallow, hidden)
        for layer in (self.key, self.query):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.gain = ResidualGain(c_deep, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Upsample ``deep`` to the size of ``shallow``."""
        deep, shallow = x
        fits = doubles(deep, shallow)
        require_sizes(self, fits, "'deep' must have half the size of 'shallow'", deep=deep, shallow=shallow)
        height, width = shallow.shape[2:]
        y = reassemble(deep, self._kernels(deep, shallow), self.kernel, 2)[:, :, :height, :width]
        return y if self.gain.weight is None else self.gain(nearest(deep, 2)[:, :, :height, :width], y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """The kernel of each output cell."""
        height, width = x[1].shape[2:]
        yield kernel_points("kernels", self._kernels(x[0], x[1]), self.kernel, 2, (height, width))

    def _kernels(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Kernels of the four fine cells of each deep cell: (B, k², 4, H/2, W/2)."""
        # (B, C, H, W) -> (B, H, W, C) -> (B, H, W, hidden) -> (B, hidden, H, W)
        key = self.key(self.norm_deep(deep.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        query = self.query(self.norm_shallow(shallow.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return softmax(similarities(fine_cells(query.float(), deep), key.float(), self.kernel), 1)
