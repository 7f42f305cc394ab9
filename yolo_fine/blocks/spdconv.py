# SPDX-License-Identifier: AGPL-3.0-or-later
"""SPDConv: a downsampler that drops no cell: four cells become channels, then a convolution."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import require
from yolo_fine.layers.space_to_depth import space_to_depth
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.registry import block
from yolo_fine.utils.constraints import OddFrom1

PAPER = "https://arxiv.org/abs/2208.03641"


@block(inputs=1, out="arg", kind="downsample", paper=PAPER, aliases=("SPD", "space_to_depth"))
class SPDConv(nn.Module):
    """Space to depth, then a convolution: half the size without a skipped cell.

    "No More Strided Convolutions or Pooling: A New CNN Building Block for Low-Resolution Images and Small Objects",
    ECML PKDD 2022 (arXiv 2208.03641), in both orders that the authors use:

    * ``space_conv``, the paper's and nearly all ports': the 2x2 cells become 4·c1 channels, then k x k to c2, batch
      norm, SiLU. It is computed as the one convolution of 2k x 2k and stride 2 that it equals.
    * ``conv_space``, the authors' YOLOv5: k x k to c2/4 channels, batch norm, SiLU, and the cells become channels.

    At init: no identity, as the size changes. With pretrained weights, ``space_conv`` with a kernel of 3 or more takes
    over the 3x3 convolution of stride 2 in whose place it stands and starts equal to it, up to rounding.

    Cost: ``4·k²·c1·c2 + 2·c2`` parameters (four times those of the stride-2 convolution): 295 168 and 1.888 GMACs at
    64@160x160 -> 128@80x80; 131 584 with ``kernel=1`` at 128 -> 256; ``conv_space`` 18 496 and 0.472 GMACs.

    Args:
        c1: Channels of the input.
        c2: Channels of the output.
        kernel: Side k of the convolution, odd.
        order: ``space_conv`` or ``conv_space``; the latter needs c2 to be divisible by 4.

    Shapes:
        x: (B, c1, H, W); output (B, c2, H/2, W/2), odd sizes rounded up as stride-2 convolutions do (zeros fill up).
    """

    def __init__(
        self, c1: int, c2: int, kernel: OddFrom1 = 3, order: Literal["space_conv", "conv_space"] = "space_conv"
    ) -> None:
        super().__init__()
        self.order = order
        if order == "space_conv":
            # Row 2i - (k - 1) + t of the map is tap t: parity and tap of the small convolution alternate.
            self.conv = Conv(c1, c2, 2 * kernel, 2, kernel - 1)
        else:
            require(self, c2 % 4 == 0, "c2", c2, "divisible by 4 where order is conv_space")
            self.conv = Conv(c1, c2 // 4, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the size of a map."""
        if self.order == "conv_space":
            return space_to_depth(self.conv(x))
        if is_tracing() or x.shape[2] % 2 or x.shape[3] % 2:
            x = F.pad(x, (0, 1, 0, 1))  # of an even side, the convolution does not read it; runtimes fuse it
        y: Tensor = self.conv(x)
        return y

    def tensors_of(self, replaced: nn.Module) -> dict[str, Tensor] | None:
        """The state in which the block equals a pretrained layer in whose place it stands; None if there is none.

        Args:
            replaced: Any layer; a ``Conv`` of 3x3 and stride 2 with the same channels can be taken over.
        """
        ours = self.conv.conv
        theirs = getattr(replaced, "conv", None) if type(replaced) is Conv else None
        batch_norm = getattr(replaced, "bn", None)
        if (
            theirs is None
            or not isinstance(batch_norm, nn.BatchNorm2d)
            or self.order != "space_conv"
            or ours.kernel_size[0] < 6
        ):
            return None
        if (theirs.kernel_size, theirs.stride, theirs.padding) != ((3, 3), (2, 2), (1, 1)):
            return None
        channels = (ours.in_channels, ours.out_channels)
        if (theirs.in_channels, theirs.out_channels) != channels or theirs.groups != 1 or theirs.dilation != (1, 1):
            return None
        start = ours.kernel_size[0] // 2 - 2  # its row 2i - 1 among the rows 2i - (k - 1) and on
        weight = torch.zeros_like(ours.weight, dtype=theirs.weight.dtype, device=theirs.weight.device)
        weight[:, :, start : start + 3, start : start + 3] = theirs.weight.detach()
        return {"conv.conv.weight": weight, **{f"conv.bn.{key}": x for key, x in batch_norm.state_dict().items()}}
