# SPDX-License-Identifier: AGPL-3.0-or-later
"""DySample: an upsampler that learns where to look, not what to blend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import divisor, require
from yolo_fine.layers.gain import ResidualGain, nearest
from yolo_fine.layers.sampling import Places, sample, split_places
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.layers.views import Points, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Scale


@block(inputs=1, out="same", kind="upsample", paper="https://arxiv.org/abs/2308.15085")
class DySample(nn.Module):
    """Upsample by sampling the map bilinearly at points that are shifted by learnt offsets.

    "Learning to Upsample by Learning to Sample" (ICCV 2023, arXiv 2308.15085), after the authors' code. Style ``lp``,
    with and without ``dyscope``, reproduces its tensors; for style ``pl`` there were none to compare with.

    1. A 1x1 convolution gives each output cell, for each group of channels, an offset (x, y). Style ``lp`` (linear,
       then pixel shuffle) makes r² offsets of each input cell; style ``pl`` convolves the pixel-shuffled map.
    2. Offsets are scaled by 0.25 or, with ``dyscope``, by ``0.5·σ(Conv1x1)`` of the same map.
    3. Each group is sampled, bilinearly and with repeated borders, at the centres of the output cells plus offsets.

    At init: near bilinear upsampling (offset weights have a standard deviation of 0.001), which is not what the
    ``nn.Upsample`` of a stock YAML does. With ``gain=0.0`` the output equals nearest upsampling to the bit:
    ``nearest(x) + g·(DySample(x) - nearest(x))``. The gain is ours.

    Cost: 4 128 parameters (8 224 with ``dyscope``; + C gains) and 0.007 GMACs (0.013) at 128@40x40 -> 80x80.

    Args:
        channels: Channels C.
        scale: Factor r.
        style: ``lp`` or ``pl``; ``pl`` has r⁴ times fewer weights and needs channels divisible by r².
        groups: Groups of channels with offsets of their own, a divisor of C. None takes 4 or the next smaller divisor.
        dyscope: Learn the range of the offsets too.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: (B, C, H, W); output (B, C, rH, rW). Points and samples are computed in float32 and cast back.
    """

    def __init__(
        self,
        channels: int,
        scale: Scale = 2,
        style: Literal["lp", "pl"] = "lp",
        groups: Positive | None = None,
        dyscope: bool = False,
        *,
        gain: Gain | None = None,
    ) -> None:
        super().__init__()
        groups = divisor(self, "groups", groups, channels, 4)
        shuffles = style == "lp" or channels % scale**2 == 0
        require(self, shuffles, "style", style, f"'lp' where {scale**2} does not divide {channels} channels")
        self.scale, self.style, self.groups = scale, style, groups
        wide, narrow = (channels, 2 * groups * scale**2) if style == "lp" else (channels // scale**2, 2 * groups)
        self.offset = nn.Conv2d(wide, narrow, 1)
        nn.init.normal_(self.offset.weight, std=0.001)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]
        self.scope = nn.Conv2d(wide, narrow, 1, bias=False) if dyscope else None
        if self.scope is not None:
            nn.init.zeros_(self.scope.weight)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample a map."""
        y = self._sample(x, self._offsets(x))
        return y if self.gain.weight is None else self.gain(nearest(x, self.scale), y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The point that each group of channels is sampled at."""
        height, width = x.shape[2:]
        across, down = self._offsets(x).chunk(2, dim=1)  # each (B, G, rH, rW)
        row = (centres(self.scale * height, x.device) + 1) * (height / 2) - 0.5
        column = (centres(self.scale * width, x.device) + 1) * (width / 2) - 0.5
        shares = torch.full_like(across, 1 / self.groups)
        yield Points("sampling points", down + row[:, None], across + column, shares, (height, width))

    def _offsets(self, x: Tensor) -> Tensor:
        """How far each output cell looks aside, in cells of ``x``: (B, [x of each group, y of each group], rH, rW)."""
        source = x if self.style == "lp" else F.pixel_shuffle(x, self.scale)
        scope = 0.25 if self.scope is None else 0.5 * self.scope(source).float().sigmoid()
        offsets: Tensor = scope * self.offset(source).float()
        return F.pixel_shuffle(offsets, self.scale) if self.style == "lp" else offsets

    def _sample(self, x: Tensor, offsets: Tensor) -> Tensor:
        """Sample each group of ``x`` at the centres of the output cells, moved by ``offsets``."""
        batch, channels, height, width = x.shape
        maps = x.float().reshape(batch * self.groups, channels // self.groups, height, width)  # (B·G, C/G, H, W)
        if is_tracing():
            across, down = (part.flatten(0, 1).unsqueeze(1) for part in offsets.chunk(2, dim=1))
            row, below = split_centres(self.scale * height, self.scale, x.device)
            column, aside = split_centres(self.scale * width, self.scale, x.device)
            y = sample(maps, Places(row[:, None], down + below[:, None]), Places(column, across + aside), "border")
            return y.reshape(batch, channels, self.scale * height, self.scale * width).to(x.dtype)
        rows, columns = centres(self.scale * height, x.device), centres(self.scale * width, x.device)
        across, down = offsets.chunk(2, dim=1)  # each (B, G, rH, rW); the map is 2 wide and 2 high for grid_sample
        points = torch.stack([across * (2 / width) + columns, down * (2 / height) + rows[:, None]], dim=2)
        # (B, G, 2, rH, rW) -> (B·G, rH, rW, 2), not copied: grid_sample reads separate planes faster
        grid = points.flatten(0, 1).permute(0, 2, 3, 1)
        y = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return y.reshape(batch, channels, self.scale * height, self.scale * width).to(x.dtype)


def centres(cells: int, device: torch.device) -> Tensor:
    """Centres of so many equal cells between -1 and 1, in float32."""
    return torch.arange(1, 2 * cells, 2, dtype=torch.float32, device=device) / cells - 1


def split_centres(cells: int, scale: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Centres of so many output cells as (int64, float32) cells of the map, from the centre of its first cell."""
    # (i + 0.5)/scale - 0.5, one cell to the right so that nothing is negative.
    whole, part = split_places(2 * torch.arange(cells, device=device) + 1 + scale, 2 * scale)
    return whole - 1, part
