# SPDX-License-Identifier: AGPL-3.0-or-later
"""FADE: an upsampler whose kernels read both maps, and a gate that mixes in the fine one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import doubles, require_sizes
from yolo_fine.layers.equal_maps import projection
from yolo_fine.layers.gain import ResidualGain, lerp
from yolo_fine.layers.reassembly import fine_cells, reassemble
from yolo_fine.layers.softmax import softmax
from yolo_fine.layers.views import Heat, View, kernel_points
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odd, Positive


@block(inputs=("deep", "shallow"), out="shallow", kind="fuse", paper="https://arxiv.org/abs/2207.10392", strides=(2, 1))
class FADE(nn.Module):
    """Fuse the assets of decoder and encoder: upsample the deep map under kernels of both, gate in the shallow one.

    "FADE: Fusing the Assets of Decoder and Encoder for Task-Agnostic Upsampling" (ECCV 2022, arXiv 2207.10392). It
    reproduces the authors' mmcv form; their pure-PyTorch file regroups the four shifted shallow maps in a wrong order.

    1. 1x1 convolutions compress both maps to ``hidden`` channels.
    2. One 3x3 convolution, shared by both, makes k² numbers: at each deep cell, and at each shallow cell (the paper's
       semi-shift: its four shifted convolutions of stride 2 are one of stride 1). The softmax of their sum is a kernel.
    3. Each fine cell is the sum, under its kernel, of the k x k deep cells around the one it lies in.
    4. A gate from the deep map mixes: ``σ·shallow + (1 - σ)·upsampled``.

    The gated sum needs equal channels: where they differ, a 1x1 convolution with batch norm brings ``deep`` to those of
    ``shallow`` first. That, and the gain, are ours.

    At init: with ``gain=0.0`` the output equals ``shallow`` to the bit: ``shallow + g·(FADE - shallow)``. Before a
    Concat this refines the shallow map. ``gain=None`` is the paper's form, to stand for upsampler and Concat together:
    about half of ``shallow`` and half of the 5x5 means of ``deep``.

    Cost: 31 002 parameters (+ C gains) and 0.180 GMACs, + 0.020 of weighted sums, at deep 128@40x40, shallow 128@80x80;
    64 026 parameters (+ C gains) and 0.233 GMACs with the projection of 256 channels.

    Args:
        c_deep: Channels of ``deep``.
        c_shallow: Channels C of ``shallow`` and of the output.
        kernel: Side k of the window.
        hidden: Channels from which the kernels are made.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: [deep (B, c_deep, H/2, W/2), shallow (B, C, H, W)], odd sizes rounded up as stride-2 convolutions do; output
        as ``shallow``. Kernels and sums are computed in float32 and cast back.

    Raises:
        BlockArgumentError: ``deep`` has not half the size of ``shallow``.
    """

    def __init__(
        self, c_deep: int, c_shallow: int, kernel: Odd = 5, hidden: Positive = 64, *, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.project = projection(c_deep, c_shallow)
        self.deep = nn.Conv2d(c_shallow, hidden, 1, bias=False)
        self.shallow = nn.Conv2d(c_shallow, hidden, 1)
        self.encode = nn.Conv2d(hidden, kernel**2, 3, padding=1)
        self.gate = nn.Conv2d(c_shallow, 1, 1)
        for layer in (self.deep, self.shallow):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.normal_(self.encode.weight, std=0.001)
        nn.init.normal_(self.gate.weight, std=0.001)
        for layer in (self.shallow, self.encode, self.gate):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.gain = ResidualGain(c_shallow, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Fuse ``deep`` into ``shallow``."""
        deep, shallow = x
        fits = doubles(deep, shallow)
        require_sizes(self, fits, "'deep' must have half the size of 'shallow'", deep=deep, shallow=shallow)
        deep = self.project(deep)  # (B, c_deep, H/2, W/2) -> (B, C, H/2, W/2)
        height, width = shallow.shape[2:]
        up = reassemble(deep, self._kernels(deep, shallow), self.kernel, 2)[:, :, :height, :width]
        gate = F.interpolate(self.gate(deep).sigmoid(), scale_factor=2.0, mode="nearest")[:, :, :height, :width]
        y = lerp(up.to(shallow.dtype), shallow, gate.to(shallow.dtype))
        return self.gain(shallow, y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """The kernel of each output cell, and what each takes from ``shallow``."""
        deep, shallow = self.project(x[0]), x[1]
        height, width = shallow.shape[2:]
        yield kernel_points("kernels", self._kernels(deep, shallow), self.kernel, 2, (height, width))
        yield Heat("share of the shallow map", self.gate(deep).sigmoid())

    def _kernels(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Kernels of the four fine cells of each deep cell: (B, k², 4, H/2, W/2)."""
        fine = fine_cells(self.encode(self.shallow(shallow)), deep)  # (B, k², H, W) -> (B, k², 4, H/2, W/2)
        return softmax(fine.float() + self.encode(self.deep(deep)).float().unsqueeze(2), 1)
