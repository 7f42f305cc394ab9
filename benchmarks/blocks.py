# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks beside plain forms of them, which do the same step by step.

    python benchmarks/blocks.py [train=True] [rounds=30] [threads=1] [json=FILE]

Measured as ``yolo-fine bench blocks`` does: 128 channels on 80x80 cells, batch 1, all take turns in every round. What
blocks cost beside each other is that command's to say; here is what writing them with care has saved.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.blocks import CARAFE, FADE, FINE, LDAAQU, SAPA, DySample
from yolo_fine.costs.bench import YARDSTICK, Setting, prepared, yardstick
from yolo_fine.costs.timing import ratio, take_turns
from yolo_fine.costs.timing import threads as use_threads
from yolo_fine.integration.devices import processor
from yolo_fine.utils.files import write_json


class PlainFINE(nn.Module):
    """FINE written down step by step: one layer a step, encoding rebuilt at every call, nothing fused or reordered."""

    def __init__(self, c_high: int, c_low: int, stride: int) -> None:
        super().__init__()
        self.stride, self.heads = stride, c_low // 16
        self.embed = nn.Sequential(nn.Conv2d(c_high, c_low, 1), nn.BatchNorm2d(c_low))
        self.q, self.k, self.v, self.out = (nn.Linear(c_low, c_low) for _ in range(4))
        self.rms = nn.Parameter(torch.ones(16))
        self.norm1, self.norm2 = nn.LayerNorm(c_low), nn.LayerNorm(c_low)
        self.linear1, self.linear2 = nn.Linear(c_low, 4 * c_low), nn.Linear(4 * c_low, c_low)
        self.gain = nn.Parameter(torch.zeros(1, c_low, 1, 1))

    def forward(self, x: list[Tensor]) -> Tensor:
        """Return the refined low map."""
        high, low = x
        queries = F.avg_pool2d(low, 2 * self.stride)
        keys = F.avg_pool2d(self.embed(high), self.stride)
        batch, channels, height, width = queries.shape
        tokens, keys = queries.flatten(2).transpose(1, 2), keys.flatten(2).transpose(1, 2)
        encoding = self._encoding(height, width, channels)
        q, k, v = self.q(tokens + encoding), self.k(keys + encoding), self.v(keys + encoding)
        q, k, v = (t.view(batch, -1, self.heads, 16).transpose(1, 2) for t in (q, k, v))
        q = q / q.abs().mean(2, keepdim=True).clamp(min=1e-6)
        k = k / k.abs().sum(2, keepdim=True).clamp(min=1e-6)
        y = q @ (k.transpose(2, 3) @ v)
        y = y / (y.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * self.rms
        o = tokens + self.norm1(self.out(y.transpose(1, 2).reshape(batch, -1, channels)))
        o = o + self.norm2(self.linear2(F.gelu(self.linear1(o))))
        modulation = o.transpose(1, 2).reshape(batch, channels, height, width)
        modulation = F.interpolate(modulation, size=low.shape[2:], mode="bilinear", align_corners=False)
        return low + self.gain * (modulation * low)

    @staticmethod
    def _encoding(height: int, width: int, channels: int) -> Tensor:
        omega = 10000.0 ** (-torch.arange(channels // 4) / (channels // 4))
        row, col = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        angles = [p.reshape(-1, 1) * omega for p in (row, col)]
        return torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1)


class PlainDySample(nn.Module):
    """DySample written down step by step: constants rebuilt at every call, the grid copied to pairs (x, y)."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(c1, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the upsampled map."""
        batch, channels, height, width = x.shape
        near = torch.tensor([-0.25, 0.25])
        start = torch.stack(torch.meshgrid(near, near, indexing="xy")).flatten(1).view(2, 1, 4).repeat(1, 4, 1)
        offset = (0.25 * self.offset(x) + start.view(1, 32, 1, 1)).view(batch, 2, 16, height, width)
        cells = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"))
        cells = cells.view(1, 2, 1, height, width) + 0.5
        points = 2 * (cells + offset) / torch.tensor([width, height]).view(1, 2, 1, 1, 1) - 1
        points = F.pixel_shuffle(points.view(batch, -1, height, width), 2).view(batch, 2, 4, 2 * height, 2 * width)
        grid = points.permute(0, 2, 3, 4, 1).contiguous().flatten(0, 1)
        maps = x.reshape(batch * 4, channels // 4, height, width)
        sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return sampled.view(batch, channels, 2 * height, 2 * width)


class PlainLDAAQU(nn.Module):
    """LDA-AQU written down step by step: one projection a role, nine keys and nine values sampled for every cell."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.norm, self.offset_norm = nn.LayerNorm(c1), nn.LayerNorm(c1 // 8)
        self.q, self.k = nn.Conv2d(c1, c1 // 4, 1, bias=False), nn.Conv2d(c1, c1 // 4, 1, bias=False)
        self.depthwise = nn.Conv2d(c1 // 8, c1 // 8, 3, padding=1, groups=c1 // 8, bias=False)
        self.offset = nn.Conv2d(c1 // 8, 18, 3, padding=1)
        self.position = nn.Parameter(torch.randn(1, c1 // 4, 9, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the upsampled map."""
        batch, channels, height, width = x.shape
        size = (2 * height, 2 * width)
        normed = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        q, k = F.interpolate(self.q(normed), size=size, mode="bilinear", align_corners=True), self.k(normed)
        hidden = self.depthwise(q.reshape(batch * 2, -1, *size)).permute(0, 2, 3, 1)
        hidden = F.gelu(self.offset_norm(hidden)).permute(0, 3, 1, 2)
        offset = (11 * self.offset(hidden).tanh()).view(batch * 2, 3, 3, 2, *size)
        base = torch.stack(torch.meshgrid(torch.arange(-1, 2), torch.arange(-1, 2), indexing="ij"), -1)
        cells = torch.stack(torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij"))
        points = offset + base.view(1, 3, 3, 2, 1, 1) + cells
        points = 2 * points / torch.tensor([size[0] - 1, size[1] - 1]).view(1, 1, 1, 2, 1, 1) - 1
        grid = points.flip(3).permute(0, 1, 2, 4, 5, 3).reshape(batch * 2, 9 * size[0], size[1], 2)
        keys, values = (
            F.grid_sample(t.reshape(batch * 2, -1, height, width), grid, padding_mode="border", align_corners=True)
            for t in (k, x)
        )
        keys, values = keys.view(batch, -1, 9, *size), values.view(batch, -1, 9, *size)
        attention = ((keys + self.position) * (q * (channels // 4) ** -0.5).unsqueeze(2)).sum(1).softmax(1)
        return (attention.unsqueeze(1) * values).sum(2)


class PlainCARAFE(nn.Module):
    """CARAFE written down step by step: windows unfolded, then one matrix product a cell."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.compress, self.encode = nn.Conv2d(c1, 64, 1), nn.Conv2d(64, 100, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the upsampled map."""
        return plain_reassembly(x, F.pixel_shuffle(self.encode(self.compress(x)), 2).softmax(1))


class PlainFADE(nn.Module):
    """FADE written down step by step: four shifted convolutions, kernels regrouped, windows unfolded."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.deep, self.shallow = nn.Conv2d(c1, 64, 1, bias=False), nn.Conv2d(c1, 64, 1)
        self.encode, self.gate = nn.Conv2d(64, 25, 3), nn.Conv2d(c1, 1, 1)

    def forward(self, x: list[Tensor]) -> Tensor:
        """Return the fused map."""
        deep, shallow = x
        coarse, fine = F.pad(self.deep(deep), (1, 1, 1, 1)), self.shallow(shallow)
        shifted = [F.pad(fine, (left, 1 - left, top, 1 - top)) for top in (1, 0) for left in (1, 0)]
        weight, bias = self.encode.weight, self.encode.bias
        logits = torch.stack([F.conv2d(one, weight, bias, stride=2) for one in shifted], 2)
        logits = logits + self.encode(coarse).unsqueeze(2)
        kernels = F.pixel_shuffle(logits.flatten(1, 2), 2).softmax(1)
        gate = F.interpolate(self.gate(deep), scale_factor=2, mode="nearest").sigmoid()
        return gate * shallow + (1 - gate) * plain_reassembly(deep, kernels)


class PlainSAPA(nn.Module):
    """SAPA written down step by step: keys and values unfolded."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.norm_deep, self.norm_shallow = nn.LayerNorm(c1), nn.LayerNorm(c1)
        self.key, self.query = nn.Linear(c1, 64), nn.Linear(c1, 64)

    def forward(self, x: list[Tensor]) -> Tensor:
        """Return the upsampled map."""
        deep, shallow = x
        batch, _, height, width = deep.shape
        key = self.key(self.norm_deep(deep.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        query = self.query(self.norm_shallow(shallow.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        windows = F.unfold(key, 5, padding=2).view(batch, 64, 25, -1)
        queries = F.pixel_unshuffle(query, 2).view(batch, 64, 4, -1)
        logits = torch.einsum("bcnl,bcsl->bnsl", windows, queries).reshape(batch, 100, height, width)
        return plain_reassembly(deep, F.pixel_shuffle(logits, 2).softmax(1))


def plain_reassembly(x: Tensor, kernels: Tensor) -> Tensor:
    """Sums of unfolded 5x5 windows of ``x`` under kernels (B, 25, 2H, 2W)."""
    batch, channels, height, width = x.shape
    windows = F.unfold(x, 5, padding=2).view(batch, channels, 25, -1)
    kernels = F.pixel_unshuffle(kernels, 2).view(batch, 25, 4, -1)
    y = torch.einsum("bcnl,bnsl->bcsl", windows, kernels)
    return F.pixel_shuffle(y.reshape(batch, 4 * channels, height, width), 2)


def cases() -> dict[str, tuple[nn.Module, nn.Module, Tensor | list[Tensor]]]:
    """By name, the block, its plain form and their input."""
    high, coarse, low = torch.randn(1, 256, 40, 40), torch.randn(1, 128, 40, 40), torch.randn(1, 128, 80, 80)
    return {
        "FINE": (FINE(256, 128, 2), PlainFINE(256, 128, 2), [high, low]),
        "DySample": (DySample(128), PlainDySample(128), coarse),
        "LDAAQU": (LDAAQU(128), PlainLDAAQU(128), coarse),
        "CARAFE": (CARAFE(128), PlainCARAFE(128), coarse),
        "FADE": (FADE(128, 128), PlainFADE(128), [coarse, low]),
        "SAPA": (SAPA(128, 128), PlainSAPA(128), [coarse, low]),
    }


def compare(train: bool, rounds: int, threads: int = 1) -> dict[str, Any]:
    """Time each block in turns with its plain form and the yardstick.

    Returns:
        ``blocks``: by name the ratio of the plain form to the block, and of both to the yardstick, with the limits of
        their 95 % intervals; ``settings``.
    """
    setting = Setting(128, 80, train, False, "float32", "torch", threads, "cpu")
    torch.manual_seed(0)
    found = {}
    with use_threads(threads):
        measured = prepared(*yardstick(setting), setting)
        for name, (block, plain, inputs) in cases().items():
            calls = {
                YARDSTICK: measured,
                "plain": prepared(plain.eval(), inputs, setting),
                "block": prepared(block.eval(), inputs, setting),
            }
            times = take_turns(calls, rounds)
            pairs = {
                "plain_to_block": ("plain", "block"),
                "block": ("block", YARDSTICK),
                "plain": ("plain", YARDSTICK),
            }
            found[name] = {key: vars(ratio(times[one], times[other])) for key, (one, other) in pairs.items()}
    where = {"torch": torch.__version__, "processor": processor("cpu")}
    return {"blocks": found, "settings": vars(setting) | {"rounds": rounds} | where}


def main() -> None:
    """Measure and print the table."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    train = options.get("train", "False") == "True"
    found = compare(train, int(options.get("rounds", 30)), int(options.get("threads", 1)))
    print("| block | its ratio to Conv3x3 | that of the plain form | plain to block |\n|---|---:|---:|---:|")
    for name, ratios in found["blocks"].items():
        shown = [f"{ratios[key]['value']:.2f}" for key in ("block", "plain", "plain_to_block")]
        print(f"| {name} | {' | '.join(shown)} |")
    if "json" in options:
        write_json(Path(options["json"]), found)


if __name__ == "__main__":
    main()
