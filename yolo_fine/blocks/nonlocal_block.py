# SPDX-License-Identifier: AGPL-3.0-or-later
"""NonLocal: every cell reads every other one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.cell_attention import attend
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Reduction

PAPER = "https://arxiv.org/abs/1711.07971"
ALIASES = ("NonLocal2d", "NonLocalBlock", "NonLocalBlockND", "NLBlock", "NonLocalAttn")


def all_cells(arguments: Mapping[str, Any]) -> int:
    """Each cell attends to all others or a quarter of them, but as ``dot_product``: see :attr:`BlockSpec.quadratic`."""
    return 0 if arguments["form"] == "dot_product" else 4 if arguments["sub_sample"] else 1


@block(inputs=1, out="same", kind="context", paper=PAPER, aliases=ALIASES, quadratic=all_cells)
class NonLocal(nn.Module):
    """Non-local block: ``x + W(attention of every cell to every other one)``.

    "Non-local Neural Networks", CVPR 2018 (arXiv 1711.07971), after mmcv's code and timm's; it reproduces both.
    Queries, keys and values are 1x1 convolutions with bias to m channels. Three forms:

    * ``embedded_gaussian``: softmax over the cells of ``query · key / √m``, m = C/2. Quadratic in cells.
    * ``dot_product``: ``query · key / cells`` without softmax, m = C/2. As it is bilinear, an m x m product of keys and
      values is made first: linear in cells, the same numbers.
    * ``timm``: softmax of ``query · key / √C``, m = C/8 to a multiple of 8, and a batch norm behind W.

    ``sub_sample`` pools keys and values by 2x2 (maximum), the paper's own economy: a quarter of the products.

    At init: the identity to the bit, as published, because W (or the batch norm behind it) starts at zero.

    Cost: ``4·C·m + 3m + C`` parameters: 33 088, and 1.520 GMACs with sub-sampling, 5.453 without and 0.242 as dot
    product with sub-sampling, at 128@80x80; 8 624 parameters in timm's form. Exported graphs hold all weights of a
    softmax: 41 MB in float32 at 80x80 with sub-sampling. On fine maps take the dot product.

    Args:
        channels: Channels C.
        form: See above.
        sub_sample: Pool keys and values.
        reduction: Factor between C and m; None is 2, in timm's form 8.
        norm: Put a batch norm behind W, as mmcv can; timm's form always has one.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self,
        channels: int,
        form: Literal["embedded_gaussian", "dot_product", "timm"] = "embedded_gaussian",
        sub_sample: bool = True,
        reduction: Reduction | None = None,
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.form, self.sub_sample = form, sub_sample
        by_timm = form == "timm"
        narrow = multiple_of_8(channels / (reduction or 8)) if by_timm else max(channels // (reduction or 2), 1)
        self.scale = (channels if by_timm else narrow) ** -0.5
        self.project = nn.Conv2d(channels, 3 * narrow, 1)  # queries, keys, values: all read the same map
        if by_timm or norm:
            out = Conv(narrow, channels, 1, act=False)
            if by_timm:
                out.conv = nn.Conv2d(narrow, channels, 1)
            nn.init.zeros_(out.bn.weight)
        else:
            out = nn.Conv2d(narrow, channels, 1)
            nn.init.zeros_(out.weight)
            nn.init.zeros_(out.bias)  # type: ignore[arg-type]
        self.out = out
        self._init_weights()

    def _init_weights(self) -> None:
        if self.form == "timm":
            for weight in (*self.project.weight.chunk(3), self.out.conv.weight):
                nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(self.project.weight, std=0.01)
            nn.init.zeros_(self.project.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Let every cell read all cells."""
        query, key, value = self.project(x).chunk(3, dim=1)  # (B, C, H, W) -> each (B, m, H, W)
        if self.sub_sample:
            key, value = (_pooled(one) for one in (key, value))
        query, key, value = (one.flatten(2) for one in (query, key, value))  # (B, m, cells)
        if self.form == "dot_product":
            state = (value / key.shape[2]) @ key.transpose(1, 2)  # (B, m, m)
            y = state @ query
        else:
            query, key, value = (one.unsqueeze(1) for one in (query, key, value))
            y = attend(query, key, value, scale=self.scale)  # (B, 1, m, cells)
        y = y.reshape(x.shape[0], -1, *x.shape[2:])
        change: Tensor = self.out(y).to(x.dtype)
        return x + change


def _pooled(x: Tensor) -> Tensor:
    """The maximum of 2x2 cells without overlap; a side of one cell stays."""
    window = 2 if is_tracing() else (min(2, x.shape[2]), min(2, x.shape[3]))
    return F.max_pool2d(x, window)


def multiple_of_8(number: float) -> int:
    """Rounding as in timm: the nearest multiple of 8, at least 8, and not below 0.9 of the number."""
    rounded = max(8, int(number + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * number else rounded
