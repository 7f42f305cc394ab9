# SPDX-License-Identifier: AGPL-3.0-or-later
"""DySample: an upsampler that learns where to look, not what to blend."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.blocks.checks import largest_divisor, require, require_choice, require_divisor, require_gain
from yolo_fine.blocks.gain import ResidualGain
from yolo_fine.registry import block


@block(inputs=1, out="same", kind="upsample", paper="https://arxiv.org/abs/2308.15085")
class DySample(nn.Module):
    """Upsample by sampling the map bilinearly at points that are shifted by learnt offsets.

    "Learning to Upsample by Learning to Sample" (ICCV 2023, arXiv 2308.15085), sections 3.2 and 3.3.

    1. A 1x1 convolution of the map gives an offset (x, y) for each sub-pixel and group of channels. Style ``lp``
       (linear, then pixel shuffle) convolves the map as it is, style ``pl`` its pixel-shuffled form.
    2. Offsets are scaled by 0.25, or with ``dyscope`` by ``0.5 · sigmoid(a second convolution)``, and added to the
       points of bilinear upsampling.
    3. Each group of channels is sampled at its points: bilinear, borders repeated.

    With a gain g the output is ``nearest(x) + g · (y - nearest(x))``: ``gain=0.0`` can take the place of an
    ``nn.Upsample`` without changing a pretrained network.

    At init: near bilinear upsampling (weights of standard deviation 0.001); nearest to the bit with ``gain=0.0``.

    Cost: 4 128 parameters (8 224 with ``dyscope``; + c1 with a gain) and 0.007 GMACs at 128@40x40 -> 80x80.

    Args:
        c1: Channels.
        scale: Factor of the upsampling.
        style: ``lp``, or ``pl`` (fewer parameters; needs channels divisible by ``scale²``).
        groups: Groups of channels with their own offsets, a divisor of ``c1``; None takes 4 or the next smaller one.
        dyscope: Learn the range of the offsets too.
        gain: Initial gain between nearest upsampling and this block's; None is the paper's form.

    Shapes:
        x: (B, c1, H, W); output (B, c1, scale·H, scale·W). Points are computed in float32 whatever the map's dtype.

    Raises:
        BlockArgumentError: An argument is out of range.
    """

    def __init__(
        self,
        c1: int,
        scale: int = 2,
        style: Literal["lp", "pl"] = "lp",
        groups: int | None = None,
        dyscope: bool = False,
        *,
        gain: float | None = None,
    ) -> None:
        super().__init__()
        groups = largest_divisor(c1, 4) if groups is None else groups
        require(scale >= 2, "DySample", "scale", scale, "2 or more")
        require_choice("DySample", "style", style, ("lp", "pl"))
        require_divisor("DySample", "groups", groups, c1)
        shuffles = style == "lp" or c1 % scale**2 == 0
        require(shuffles, "DySample", "style", style, f"'lp' where {scale**2} does not divide {c1} channels")
        require_gain("DySample", gain)
        self.scale, self.style, self.groups = scale, style, groups
        wide, narrow = (c1, 2 * groups * scale**2) if style == "lp" else (c1 // scale**2, 2 * groups)
        self.offset = nn.Conv2d(wide, narrow, 1)
        nn.init.normal_(self.offset.weight, std=0.001)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]
        self.scope = nn.Conv2d(wide, narrow, 1, bias=False) if dyscope else None
        if self.scope is not None:
            nn.init.zeros_(self.scope.weight)
        self.register_buffer("init_pos", bilinear_points(scale, groups))
        self.gain = ResidualGain(c1, gain) if gain is not None else None

    init_pos: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Upsample a map."""
        y = self.sample(x, self.offsets(x))
        if self.gain is None:
            return y
        return self.gain(F.interpolate(x, scale_factor=float(self.scale), mode="nearest"), y)

    def offsets(self, x: Tensor) -> Tensor:
        """Offsets in cells of ``x``, in float32: (B, 2 · groups · scale², H, W), ordered by axis, group, sub-pixel."""
        source = x if self.style == "lp" else F.pixel_shuffle(x, self.scale)
        scope = 0.25 if self.scope is None else 0.5 * self.scope(source).float().sigmoid()
        offsets = scope * self.offset(source).float()
        if self.style == "pl":
            offsets = F.pixel_unshuffle(offsets, self.scale)
        return offsets + self.init_pos.float()

    def sample(self, x: Tensor, offsets: Tensor) -> Tensor:
        """Sample ``x`` at its cells' centres moved by ``offsets``."""
        batch, channels, height, width = x.shape
        columns = torch.arange(width, device=x.device, dtype=torch.float32) + 0.5
        rows = (torch.arange(height, device=x.device, dtype=torch.float32) + 0.5).unsqueeze(1)
        across, down = offsets.chunk(2, dim=1)
        # grid_sample takes -1 and 1 for the outer edges of the map
        points = torch.cat([(across + columns) * (2 / width) - 1, (down + rows) * (2 / height) - 1], dim=1)
        points = F.pixel_shuffle(points, self.scale).unflatten(1, (2, self.groups))
        grid = points.permute(0, 2, 3, 4, 1).flatten(0, 1)
        maps = x.float().reshape(batch * self.groups, channels // self.groups, height, width)
        sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return sampled.reshape(batch, channels, self.scale * height, self.scale * width).to(x.dtype)


def bilinear_points(scale: int, groups: int) -> Tensor:
    """Sub-pixel centres relative to a cell's centre, in cells: (1, 2 · groups · scale², 1, 1), x before y."""
    centres = (torch.arange(scale) - (scale - 1) / 2) / scale
    down, across = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack([across.flatten(), down.flatten()])
    return points.unsqueeze(1).repeat(1, groups, 1).reshape(1, -1, 1, 1)
