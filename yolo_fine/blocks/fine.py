# SPDX-License-Identifier: AGPL-3.0-or-later
"""FINE: the coarse map guides a refinement of the fine map before the two are fused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import divisor, halves, require, require_sizes
from yolo_fine.layers.map_attention import MapAttention
from yolo_fine.layers.norms import ChannelLayerNorm
from yolo_fine.layers.places import tokens_of_the_coarsest_map
from yolo_fine.layers.plainly import computes_plainly
from yolo_fine.layers.pooling import pool
from yolo_fine.layers.positions import sincos_2d
from yolo_fine.layers.resizing import bilinear
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.layers.views import Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf4, Positive, PositiveNumber

PAPER = "https://arxiv.org/abs/2606.14005"


def softmax_over_tokens(arguments: Mapping[str, Any]) -> int:
    """Of H·W/(2·stride)² tokens each attends to all, if by softmax: see :attr:`BlockSpec.quadratic`."""
    return (2 * arguments["stride"]) ** 4 if arguments["attn"] == "softmax" else 0


@block(
    inputs=("high", "low"),
    out="low",
    kind="fuse",
    paper=PAPER,
    origin="reconstruction",
    strides=(2, 1),
    arguments_at=tokens_of_the_coarsest_map,
    aliases=("SpatialAlignTransnormer", "SemanticAlignTransNormer", "FeatureInteractionNetwork"),
    quadratic=softmax_over_tokens,
)
class FINE(nn.Module):
    """Refine a fine map by attention to the coarser map above it, on a token grid that both share.

    RECONSTRUCTION of "Context-Guided Semantic Alignment for Feature Fusion Networks" (arXiv 2606.14005, June 2026), of
    which only the abstract could be read: the fine map is refined before the fusion, tokens of both scales are sampled
    from the same regions, and the attention makes a modulation map of all channels, which is upsampled and applied as a
    residual. Its equations, tables and code could not be seen. The steps are those of the authors' public code of
    August 2025, whose tensors ``modulation="mul"`` reproduces; what is ours is marked below.

    1. ``high`` is projected to the channels of ``low`` (1x1 convolution with bias, batch norm).
    2. ``low`` is average-pooled by ``2·stride`` and the projection by ``stride``: N tokens each, the same N regions.
    3. Both get one sine-cosine position encoding; ``low`` tokens attend to ``high`` tokens.
    4. ``O = low + LayerNorm(attention)``, then ``O = O + LayerNorm(MLP(O))``: the modulation map M.
    5. M is upsampled bilinearly to the size of ``low`` and multiplies it: ``low + g · M · low``.

    Forms, as the row's arguments behind ``stride``:

    * The default, ``residual``: step 5 as above. The gain g is ours, the residual is the abstract's word.
    * Preset "published form", ``{modulation: mul}``: the authors' code, ``M · low``, of which their figures are.
      (To the digit with ``qk_norm: sum`` and ``rms_eps: 1.2e-7``; these let the output depend on the number of cells.)
    * ``attn``: of ``linear`` are their figures for YOLOs. ``softmax`` is the usual attention on the same tokens. The
      abstract speaks of attention weights and of an order of magnitude less cost, and only their softmax figures show
      that (the attention of RT-DETR-R18: 11.10 G, on the shared grid 0.80 G; linear without the grid 5.69 G). On the
      shared grid both cost the same here.

    Ours too: ``qk_norm="mean"``, ``stride=4``, and the treatment of sizes that the pools do not divide (the remainder
    is not read; smaller maps are pooled to one token).

    At init: with ``gain=0.0`` the output equals ``low`` to the bit. ``modulation="mul"`` replaces ``low`` by a map that
    hardly correlates with it: for training from scratch.

    Cost: 231 440 parameters (+ c_low gains) and 0.133 GMACs in training, 0.094 in eval, at high 256@40x40, low
    128@80x80, stride 2: in eval mode ``high`` is pooled before its projection, which commutes with it and then is
    ``stride²`` times cheaper.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``, divisible by 4.
        stride: 1 for the fusion of P5 into P4, 2 for P4 into P3, 4 for P3 into P2: the tokens then are the cells of P5.
        heads: Attention heads, a divisor of ``c_low``; None takes 16 channels a head (or the next larger divisor).
        attn: ``linear``, or ``softmax`` (no attention norm then).
        modulation: ``residual`` or ``mul``.
        gain: Initial gain g of the residual form.
        pe: Add the position encoding.
        mlp_ratio: Width of the MLP relative to ``c_low``.
        qk_norm: ``mean`` or ``sum``: see :class:`MapAttention`.
        cosformer: Re-weight linear attention by place; only to reproduce the authors' code.
        attn_norm: ``rms`` or ``layer``; only to reproduce the authors' code.
        legacy_pe: Number positions as the authors' code does (scrambled on maps that are not square).
        rms_eps: Eps of the attention norm.
        embed: Project ``high``; False needs ``c_high == c_low``.

    Shapes:
        x: [high (B, c_high, H/2, W/2), low (B, c_low, H, W)], odd sizes rounded either way; output as ``low``.

    Raises:
        BlockArgumentError: ``high`` has not half the size of ``low``, or two arguments exclude each other.
    """

    def __init__(
        self,
        c_high: int,
        c_low: MultipleOf4,
        stride: Literal[1, 2, 4] = 1,
        heads: Positive | None = None,
        attn: Literal["linear", "softmax"] = "linear",
        *,
        modulation: Literal["residual", "mul"] = "residual",
        gain: Gain = 0.0,
        pe: bool = True,
        mlp_ratio: PositiveNumber = 4.0,
        qk_norm: Literal["mean", "sum"] = "mean",
        cosformer: bool = False,
        attn_norm: Literal["rms", "layer"] = "rms",
        legacy_pe: bool = False,
        rms_eps: float = 1e-6,
        embed: bool = True,
    ) -> None:
        super().__init__()
        heads = divisor(self, "heads", heads, c_low, c_low // 16)
        require(self, mlp_ratio * c_low >= 1, "mlp_ratio", mlp_ratio, f"a number from 1/{c_low}")
        require(self, not (cosformer and attn == "softmax"), "cosformer", cosformer, "False with attn='softmax'")
        require(self, embed or c_high == c_low, "embed", embed, f"True where {c_high} channels meet {c_low}")

        self.stride, self.pe, self.legacy_pe = stride, pe, legacy_pe
        self.embed: nn.Module = Conv(c_high, c_low, 1, act=False) if embed else nn.Identity()
        if embed:
            self.embed.conv = nn.Conv2d(c_high, c_low, 1)  # the authors' convolution has a bias beside the batch norm
            nn.init.kaiming_normal_(self.embed.conv.weight, mode="fan_out", nonlinearity="relu")
        self.attention = MapAttention(
            c_low, heads, attn, qk_norm=qk_norm, norm=attn_norm, rms_eps=rms_eps, cosformer=cosformer
        )
        self.norm1 = ChannelLayerNorm(c_low)
        wide = int(mlp_ratio * c_low)
        widen, narrow = nn.Conv2d(c_low, wide, 1), nn.Conv2d(wide, c_low, 1)
        self.mlp = nn.Sequential(widen, nn.GELU(), narrow)
        self.norm2 = ChannelLayerNorm(c_low)
        for layer in (widen, narrow):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.gain = nn.Parameter(torch.full((c_low,), float(gain))) if modulation == "residual" else None

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Refine ``low``, the second of the two maps."""
        high, low = x
        fits = halves(high, low)
        require_sizes(self, fits, "'high' must have half the height and width of 'low'", high=high, low=low)
        modulation = self._modulation(high, low)  # (B, c_low, h, w)
        if self.gain is not None and is_tracing():
            # 1 + g·M as a convolution: with it onnxruntime stays in the layout of its convolutions up to the product.
            weight, bias = self.gain.to(low.dtype).view(-1, 1, 1, 1), torch.ones_like(self.gain, dtype=low.dtype)
            modulation = F.conv2d(modulation, weight, bias, groups=self.attention.out_proj.out_channels)
            return F.interpolate(modulation, low.shape[2:], mode="bilinear") * low
        if self.gain is not None:
            modulation = modulation * self.gain.to(low.dtype).view(-1, 1, 1)  # here, on the small map
        layout = torch.contiguous_format if low.is_contiguous() else torch.channels_last
        modulation = modulation.contiguous(memory_format=layout)  # while it is small; upsampling keeps the layout
        if self.training and computes_plainly(modulation):
            modulation = bilinear(modulation, low.shape[2], low.shape[3])
            return modulation * low if self.gain is None else modulation.add_(1) * low  # its gradient is one map less
        modulation = F.interpolate(modulation, low.shape[2:], mode="bilinear")
        if self.gain is None:
            return modulation * low
        if torch.is_grad_enabled():
            return torch.addcmul(low, modulation, low)
        return modulation.mul_(low).add_(low)  # in place: one new map less, whose memory costs more than the sum

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """How much each position of ``low`` is raised or lowered, as a factor."""
        high, low = x
        modulation = self._modulation(high, low)
        factor = modulation if self.gain is None else 1 + modulation * self.gain.to(low.dtype).view(-1, 1, 1)
        yield Heat("modulation", factor, neutral=1.0)

    def _modulation(self, high: Tensor, low: Tensor) -> Tensor:
        """Steps 1 to 4: the modulation map on the token grid, (B, c_low, h, w)."""
        queries = pool(low, 2 * self.stride)  # (B, c_low, H, W) -> (B, c_low, h, w)
        # In eval mode the projection is affine and commutes with the pool; in training the batch norm sees all of high.
        keys = pool(self.embed(high), self.stride) if self.training else self.embed(pool(high, self.stride))
        q, k = queries, keys
        if self.pe:
            q, k = q + sincos_2d(q, self.legacy_pe), k + sincos_2d(k, self.legacy_pe)
        tokens: Tensor = queries + self.norm1(self.attention(q, k))
        tokens = tokens + self.norm2(self.mlp(tokens))
        return tokens.to(low.dtype)
