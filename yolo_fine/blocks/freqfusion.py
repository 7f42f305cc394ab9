# SPDX-License-Identifier: AGPL-3.0-or-later
"""FreqFusion: smooth the coarse map while upsampling it, sharpen the fine one, and move samples to like neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import doubles, require, require_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.kernels import blended, from_logits, upsampled
from yolo_fine.layers.reassembly import fine_cells
from yolo_fine.layers.sampling import Places, sample
from yolo_fine.layers.views import Heat, View, kernel_points
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf8, NotNegativeInteger

PAPER = "https://arxiv.org/abs/2408.12879"
LOW, HIGH = 5, 3  # sides of the kernels that smooth and that sharpen


@block(inputs=("coarse", "fine"), out="sum", kind="fuse", paper=PAPER, strides=(2, 1))
class FreqFusion(nn.Module):
    """Frequency-aware fusion, in place of Upsample and Concat.

    "Frequency-aware Feature Fusion for Dense Image Prediction", TPAMI 2024 (arXiv 2408.12879), in the form of the
    authors' published models: zeros outside the maps, all three parts. It reproduces the authors' tensors, whose order
    of inputs and outputs is fine, coarse. Their FPN adds both halves of the output; here they stand side by side, as
    the maps of YOLO's necks differ in channels and are concatenated.

    1. 1x1 convolutions compress both maps to ``hidden`` channels.
    2. *High-pass*: for each fine cell a 3x3 kernel that blurs; ``fine + (fine - blurred)`` sharpens.
    3. *Low-pass*: for each fine cell a 5x5 kernel of coarse cells around the one it lies in; it smooths while it
       upsamples. The logits of both are those of the fine map plus those of the coarse one, upsampled by kernels made
       so far. Kernels are softmax, times a Hamming window.
    4. *Offsets*: compressed maps under a group norm, and the cosine similarity of each cell to its eight neighbours
       at distance 2, give an offset for each fine cell and group of channels; the upsampled map is sampled there.

    Blends of cells are sums of shifted views at the coarse size, and points are counted in fine cells from each cell,
    so that no size is baked into an export.

    At init: with ``gain=0.0`` the output equals ``Concat(nearest(coarse), fine)`` to the bit: a gain for each half,
    ours. ``gain=None`` is the paper's form: about a 5x5 Hamming blur of the coarse map, and the fine map a little
    sharper.

    Cost: 96 498 parameters (+ 384 gains) and 0.368 GMACs, + weighted sums, at coarse 256@40x40, fine 128@80x80.

    Args:
        c_coarse: Channels of ``coarse``.
        c_fine: Channels of ``fine``.
        hidden: Channels m that kernels and offsets are made from, divisible by 8.
        groups: Groups of channels of ``coarse`` with offsets of their own; 0 leaves the offsets out (the default of the
            authors' class, but of none of their models).
        padding: What lies outside the maps: ``zeros`` as in the published models, or ``reflect`` as in the authors'
            file without a compiled operator; weights of one do not suit the other.
        gain: Initial value of the gains, or None.

    Shapes:
        x: [coarse (B, c_coarse, H/2, W/2), fine (B, c_fine, H, W)], odd sizes rounded up as stride-2 convolutions do;
        output (B, c_coarse + c_fine, H, W). Kernels, similarities and points are computed in float32 and cast back.

    Raises:
        BlockArgumentError: ``coarse`` has not half the size of ``fine``.
    """

    def __init__(
        self,
        c_coarse: int,
        c_fine: int,
        hidden: MultipleOf8 = 64,
        groups: NotNegativeInteger = 4,
        *,
        padding: Literal["zeros", "reflect"] = "zeros",
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__()
        self.padding = padding
        self.compress_fine = nn.Conv2d(c_fine, hidden, 1)
        self.compress_coarse = nn.Conv2d(c_coarse, hidden, 1)
        self.low = nn.Conv2d(hidden, LOW**2, 3, padding=1)
        self.high = nn.Conv2d(hidden, HIGH**2, 3, padding=1)
        for layer in (self.compress_fine, self.compress_coarse, self.low, self.high):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        for layer in (self.low, self.high):
            nn.init.normal_(layer.weight, std=0.001)
        require(
            self, not groups or c_coarse % groups == 0, "groups", groups, f"0 or a divisor of the {c_coarse} channels"
        )
        self.offsets = Offsets(hidden, groups) if groups else None
        self.gain_coarse, self.gain_fine = ResidualGain(c_coarse, gain), ResidualGain(c_fine, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Fuse a coarse map with a fine one."""
        coarse, fine = x
        fits = doubles(coarse, fine)
        require_sizes(self, fits, "'coarse' must have half the size of 'fine'", coarse=coarse, fine=fine)
        size = fine.shape[2:]
        low, high, a, b = self._kernels(coarse, fine)
        up = upsampled(coarse.float(), low, size, self.padding)
        if self.offsets is not None:
            up = self.offsets(up, a, b)
        wide = fine.float()
        sharp = 2 * wide - blended(wide, high, self.padding)
        up, sharp = up.to(coarse.dtype), sharp.to(fine.dtype)
        if self.gain_coarse.weight is not None:
            plain = F.interpolate(coarse, scale_factor=2.0, mode="nearest")[:, :, : size[0], : size[1]]
            up, sharp = self.gain_coarse(plain, up), self.gain_fine(fine, sharp)
        return torch.cat([up, sharp], 1)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """Which coarse cells each fine one is blended from, and how much the fine map is sharpened."""
        coarse, fine = x
        low, high, _, _ = self._kernels(coarse, fine)
        size = (fine.shape[2], fine.shape[3])
        yield kernel_points("low-pass kernels", fine_cells(low, coarse), LOW, 2, size)
        yield Heat("what is added to sharpen", fine.float() - blended(fine.float(), high, self.padding), 0.0)

    def _kernels(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Kernels (B, 25, H, W) that smooth and (B, 9, H, W) that sharpen; the compressed maps, fine and coarse."""
        size = fine.shape[2:]
        a, b = self.compress_fine(fine), self.compress_coarse(coarse)
        high = self.high(a).float()
        a = 2 * a - blended(a, from_logits(high), self.padding)
        low = self.low(a).float()
        low = from_logits(low + upsampled(self.low(b).float(), from_logits(low), size, self.padding))
        return low, from_logits(high + upsampled(self.high(b).float(), low, size, self.padding)), a, b


class Offsets(nn.Module):
    """Samples an upsampled map where the compressed maps say.

    Args:
        hidden: Channels m of the compressed maps.
        groups: Groups G of channels.

    Shapes:
        up: (B, C, H, W); fine: (B, m, H, W); coarse: (B, m, H/2, W/2), odd sizes rounded up; output as ``up``.
    """

    def __init__(self, hidden: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.norm_fine, self.norm_coarse = nn.GroupNorm(hidden // 8, hidden), nn.GroupNorm(hidden // 8, hidden)
        self.fine = nn.Conv2d(hidden + 8, 2 * groups, 3, padding=1)
        self.coarse = nn.Conv2d(hidden + 8, 8 * groups, 3, padding=1)
        self.gate_fine = nn.Conv2d(hidden + 8, 2 * groups, 3, padding=1)
        self.gate_coarse = nn.Conv2d(hidden + 8, 8 * groups, 3, padding=1)
        for layer in (self.fine, self.coarse):
            nn.init.normal_(layer.weight, std=0.001)
        for layer in (self.gate_fine, self.gate_coarse):
            nn.init.zeros_(layer.weight)
        for layer in (self.fine, self.coarse, self.gate_fine, self.gate_coarse):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, up: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
        """Sample ``up``."""
        batch, channels, height, width = up.shape
        fine, coarse = _with_similarities(self.norm_fine(fine)), _with_similarities(self.norm_coarse(coarse))
        direction = self.fine(fine) + F.pixel_shuffle(self.coarse(coarse), 2)[:, :, :height, :width]
        gate = self.gate_fine(fine) + F.pixel_shuffle(self.gate_coarse(coarse), 2)[:, :, :height, :width]
        # Offsets are in coarse cells. A quarter of one either way, where they start, is the fine cell itself.
        moved = 2 * direction.float() * gate.float().sigmoid()  # (B, 2G, H, W): across, then down
        across, down = (part.reshape(batch * self.groups, 1, height, width) for part in moved.chunk(2, dim=1))
        rows = Places(torch.arange(height, device=up.device)[:, None], down)
        columns = Places(torch.arange(width, device=up.device), across)
        grouped = up.reshape(batch * self.groups, channels // self.groups, height, width)
        return sample(grouped, rows, columns, "border").reshape(batch, channels, height, width)


def _with_similarities(x: Tensor) -> Tensor:
    """A map (B, m, H, W), and the cosine of each cell and its neighbours at distance 2: (B, m + 8, H, W)."""
    wide = x.float()
    unit = wide / wide.square().sum(1, keepdim=True).sqrt().clamp(min=1e-8)
    padded = F.pad(unit, (2, 2, 2, 2))
    ends = {0: -4, 2: -2, 4: None}
    shifted = [
        padded[:, :, row : ends[row], column : ends[column]]
        for row in ends
        for column in ends
        if (row, column) != (2, 2)
    ]
    return torch.cat([wide, *((unit * one).sum(1, keepdim=True) for one in shifted)], 1).to(x.dtype)
