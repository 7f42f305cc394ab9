# SPDX-License-Identifier: AGPL-3.0-or-later
"""LDA-AQU: an upsampler in which every output cell attends to nine points around it that it moves itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain, nearest
from yolo_fine.layers.norms import ChannelLayerNorm
from yolo_fine.layers.ring import grow
from yolo_fine.layers.sampling import Places, sample, split_places, weighted_sample
from yolo_fine.layers.softmax import softmax
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.layers.views import Points, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, NotNegative, Odd, Positive, Scale


@block(inputs=1, out="same", kind="upsample", paper="https://arxiv.org/abs/2411.19585")
class LDAAQU(nn.Module):
    """Adaptive query-guided upsampling via local deformable attention.

    "LDA-AQU: Adaptive Query-guided Upsampling via Local Deformable Attention" (ACM MM 2024, arXiv 2411.19585), after
    the authors' code with one head; it reproduces that code's tensors.

    1. Queries and keys: 1x1 convolutions of the map under a LayerNorm over channels, to C/``reduction`` channels.
       Queries are upsampled bilinearly, corners aligned.
    2. For each of ``groups`` groups of channels: depthwise 3x3, LayerNorm, GELU and a 3x3 convolution of the queries
       give k² offsets; ``reach``·tanh of them moves the k x k window around each output cell. Steps are output cells.
    3. Softmax over the k² points of query · (sampled key + position weight).
    4. The output is the sum of the map's own values, sampled at the points of their group, under those weights.

    With ``reach=0`` no point moves and there are no offsets: the local self-attention upsampler that the paper starts
    from, as the authors' code gives it. All points are then cells of the map upsampled bilinearly, so keys and values
    are upsampled once and shifted, and nothing is sampled. They are output cells, half an input cell apart at scale 2.

    Outside the map there are zeros, as in the authors' code, which takes 15 % off the outermost rows at init;
    ``padding="border"`` repeats the border instead. Values are not sampled one by one: one weighted bag of 4k² cells
    makes an output cell.

    At init: a blur of nine half-cell steps around bilinear upsampling, as published, which is not what the
    ``nn.Upsample`` of a stock YAML does. With ``gain=0.0`` the output equals nearest upsampling to the bit:
    ``nearest(x) + g·(LDAAQU(x) - nearest(x))``. The gain is ours.

    Cost: 11 522 parameters (+ C gains) and 0.050 GMACs (+ sampling) at 128@40x40 -> 80x80; with ``reach=0`` 8 736 and
    0.015 (+ weighted sums).

    Args:
        channels: Channels C.
        scale: Factor r.
        kernel: Side k of the window of points.
        groups: Groups of channels with offsets of their own, a divisor of C/``reduction``.
        reduction: Factor between C and the channels of queries and keys, a divisor of C.
        reach: How far a point may move, in output cells; 0 leaves the offsets out.
        padding: ``zeros``, or ``border``: what is read outside the map.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: (B, C, H, W); output (B, C, rH, rW). Points and samples are computed in float32 and cast back.
    """

    def __init__(
        self,
        channels: int,
        scale: Scale = 2,
        kernel: Odd = 3,
        groups: Positive = 2,
        *,
        reduction: Positive = 4,
        reach: NotNegative = 11.0,
        padding: Literal["zeros", "border"] = "zeros",
        gain: Gain | None = None,
    ) -> None:
        super().__init__()
        self.scale, self.kernel, self.reach, self.padding = scale, kernel, reach, padding
        self.groups = groups if reach else 1
        narrow = channels // divisor(self, "reduction", reduction, channels)
        self.norm = ChannelLayerNorm(channels)
        self.query_key = nn.Conv2d(channels, 2 * narrow, 1, bias=False)  # both read the same map: one product
        self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(kernel**2, narrow), std=0.02))
        for weight in self.query_key.weight.chunk(2):
            nn.init.xavier_uniform_(weight)
        if reach:
            each = narrow // divisor(self, "groups", groups, narrow)
            self.offset_depthwise = nn.Conv2d(each, each, 3, padding=1, groups=each, bias=False)
            self.offset_norm = ChannelLayerNorm(each)
            self.offset = nn.Conv2d(each, 2 * kernel**2, 3, padding=1)
            nn.init.xavier_uniform_(self.offset_depthwise.weight)
            nn.init.zeros_(self.offset.weight)
            nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample a map."""
        batch, _, height, width = x.shape
        size = (self.scale * height, self.scale * width)
        if self.reach:
            rows, columns, weights = self._looks(x, size)
            maps = x.float().reshape(batch * self.groups, -1, height, width)  # (B·G, C/G, H, W)
            y = weighted_sample(maps, rows, columns, weights, self.padding)
            y = y.reshape(batch, -1, *size).to(x.dtype)
        else:
            y = self._unmoved(x, size)
        return y if self.gain.weight is None else self.gain(nearest(x, self.scale), y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The points of each output cell, and what they count."""
        height, width = x.shape[2:]
        places = self._looks(x, (self.scale * height, self.scale * width))
        batch = x.shape[0]  # the groups of an image become points of one list, (B·G, k², rH, rW) -> (B, G·k², rH, rW)
        rows, columns = (torch.unflatten(p.whole + p.part, 0, (batch, self.groups)).flatten(1, 2) for p in places[:2])
        weights = torch.unflatten(places[2], 0, (batch, self.groups)).flatten(1, 2) / self.groups
        yield Points("sampling points", rows, columns, weights, (height, width))

    def _looks(self, x: Tensor, size: tuple[int, int]) -> tuple[Places, Places, Tensor]:
        """Rows, columns and weights of the points of each output cell; each (B·groups, k², rH, rW)."""
        query, key = self.query_key(self.norm(x)).chunk(2, dim=1)  # (B, C, H, W) -> each (B, C/reduction, H, W)
        query = F.interpolate(query, size=size, mode="bilinear", align_corners=True)
        rows, columns = self._points(query, x.shape[2], x.shape[3])
        return rows, columns, self._attention(query, key, rows, columns).repeat_interleave(self.groups, 0)

    def _unmoved(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """The output (B, C, rH, rW) where the points are neighbouring output cells."""
        query, key = self.query_key(self.norm(x)).chunk(2, dim=1)
        query, keys, values = (
            F.interpolate(one.float(), size=size, mode="bilinear", align_corners=True) for one in (query, key, x)
        )
        query = query.float() * query.shape[1] ** -0.5
        keys, values = (grow(one, x, self.kernel // 2, self.padding) for one in (keys, values))
        logits = torch.stack([(query * one).sum(1) for one in self._shifted(keys)], 1)
        logits = logits + F.conv2d(query, self.position.float()[:, :, None, None])
        shifted, taps = self._shifted(values), softmax(logits.float(), 1).split(1, dim=1)
        y: Tensor = next(shifted) * taps[0]
        for view, tap in zip(shifted, taps[1:], strict=True):
            y = torch.addcmul(y, view, tap)
        return y.to(x.dtype)

    def _shifted(self, grown: Tensor) -> Iterator[Tensor]:
        """A map (B, C, H, W) from each place of the window, given with k//2 cells more on every side."""
        last = self.kernel - 1
        for row in range(self.kernel):
            for column in range(self.kernel):
                yield grown[:, :, row : row - last or None, column : column - last or None]

    def _points(self, query: Tensor, height: int, width: int) -> tuple[Places, Places]:
        """Rows and columns of the points of each output cell, (B·groups, k², rH, rW), on a map of height x width."""
        batch, _, tall, wide = query.shape
        grouped = query.reshape(batch * self.groups, -1, tall, wide)
        if self.reach:
            hidden = F.gelu(self.offset_norm(self.offset_depthwise(grouped)))
            offsets = self.reach * torch.unflatten(self.offset(hidden).float().tanh(), 1, (self.kernel**2, 2))
        else:
            offsets = torch.zeros(batch, self.kernel**2, 2, tall, wide, device=query.device)
        steps = [step - self.kernel // 2 for step in range(self.kernel)]
        down = torch.tensor([[[float(row)]] for row in steps for _ in steps], device=query.device)
        across = torch.tensor([[[float(column)]] for _ in steps for column in steps], device=query.device)
        # Corners aligned: output cell i lies i·(height - 1)/(tall - 1) cells down the map.
        row, below = split_places(torch.arange(tall, device=query.device)[:, None] * (height - 1), tall - 1)
        column, aside = split_places(torch.arange(wide, device=query.device) * (width - 1), wide - 1)
        rows = Places(row, (offsets[:, :, 0] + down) * ((height - 1) / (tall - 1)) + below)
        return rows, Places(column, (offsets[:, :, 1] + across) * ((width - 1) / (wide - 1)) + aside)

    def _attention(self, query: Tensor, key: Tensor, rows: Places, columns: Places) -> Tensor:
        """Weights of the points of each output cell, (B, k², rH, rW)."""
        batch, narrow, height, width = query.shape
        query = query.float() * narrow**-0.5
        keys = sample(key.float().reshape(batch * self.groups, -1, *key.shape[2:]), rows, columns, self.padding)
        grouped = query.reshape(batch * self.groups, -1, height, width)
        if is_tracing():
            logits = (grouped.unsqueeze(2) * keys).sum(1)
        else:  # point by point: the products of all points at once are larger than the caches
            logits = torch.stack([(grouped * at_point).sum(1) for at_point in keys.unbind(2)], 1)
        logits = torch.unflatten(logits, 0, (batch, self.groups)).sum(1)  # (B·G, k², rH, rW) -> (B, k², rH, rW)
        return softmax((logits + F.conv2d(query, self.position.float()[:, :, None, None])).float(), 1)
