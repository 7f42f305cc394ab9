# SPDX-License-Identifier: AGPL-3.0-or-later
"""ZoomCat, ScalSeq and CPAM: what ASF-YOLO puts into the neck of a YOLO for small objects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.blocks.eca import eca_kernel
from yolo_fine.layers.checks import doubles, halves, require_sizes
from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.scale_attention import BiasedConv
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Reduction

PAPER = "https://arxiv.org/abs/2312.06458"


@block(
    inputs=("deep", "mid", "shallow"),
    out="sum",
    kind="fuse",
    paper=PAPER,
    strides=(2, 1, 0.5),
    aliases=("TFE",),
)
class ZoomCat(nn.Module):
    """Concat of three neighbouring levels: the finer one pooled, the coarser one repeated.

    "ASF-YOLO: A novel YOLO model with attentional scale sequence fusion for cell instance segmentation" (arXiv
    2312.06458), the authors' code (its class Zoom_cat, the paper's triple feature encoder):
    ``concat[maxpool2(shallow) + avgpool2(shallow), mid, nearest(deep)]``. Their rows list the maps from fine to coarse;
    here the deeper map comes first, as in every row of ours, and the output is the authors'. Their class asks for its
    channels and counts three times that number, which is right for equal maps only; here the channels are inferred.

    At init: no parameters, nothing to start. It takes Concat's place; the block behind it reads more channels.

    Cost: no parameters and no multiply-accumulates; it writes c_deep + c_mid + c_shallow channels.

    Args:
        c_deep: Channels of ``deep``.
        c_mid: Channels of ``mid``.
        c_shallow: Channels of ``shallow``.

    Shapes:
        x: [deep (B, c_deep, H/2, W/2), mid (B, c_mid, H, W), shallow (B, c_shallow, 2H, 2W)], odd sizes rounded up as
        stride-2 convolutions do; output (B, c_shallow + c_mid + c_deep, H, W), the finest map's channels first.

    Raises:
        BlockArgumentError: The maps are not three neighbouring levels.
    """

    def __init__(self, c_deep: Positive, c_mid: Positive, c_shallow: Positive) -> None:
        super().__init__()

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Bring the neighbours to the size of ``mid`` and concatenate."""
        deep, mid, shallow = x
        fits = halves(deep, mid)
        require_sizes(self, fits, "'deep' must have half the height and width of 'mid'", deep=deep, mid=mid)
        fits = doubles(mid, shallow)
        require_sizes(self, fits, "'shallow' must have twice the height and width of 'mid'", shallow=shallow, mid=mid)
        # Windows of two cells, the last ones of one where a side is odd: for even sides the authors' adaptive pooling.
        pooled = F.max_pool2d(shallow, 2, ceil_mode=True) + F.avg_pool2d(shallow, 2, ceil_mode=True)
        above = F.interpolate(deep, size=mid.shape[2:], mode="nearest")
        return torch.cat([pooled.to(mid.dtype), mid, above.to(mid.dtype)], dim=1)


@block(
    inputs=("deep", "mid", "shallow"),
    out="shallow",
    kind="fuse",
    paper=PAPER,
    strides=(4, 2, 1),
    aliases=("SSFF",),
)
class ScalSeq(nn.Module):
    """Three levels as a sequence of scales: the largest answer of one shared 1x1 convolution to each of them.

    "ASF-YOLO: A novel YOLO model with attentional scale sequence fusion for cell instance segmentation" (arXiv
    2312.06458), the authors' code (the paper's scale sequence feature fusion):

    1. ``mid`` and ``deep`` are projected to the channels of ``shallow`` (1x1 convolution, batch norm, SiLU) and
       repeated to its size; ``shallow`` enters as it is.
    2. All three go through one 1x1 convolution with bias, one batch norm over the three maps together, LeakyReLU 0.1.
    3. The output is the largest of the three at each position and channel.

    The authors write step 2 as a 3-D convolution with a kernel of one; two axes suffice. Their class has the widths 512
    and 1024 of ``mid`` and ``deep`` written into it; here they are inferred. In eval mode step 2 is done before the
    maps are repeated, which gives the same numbers for a quarter and a sixteenth of the work.

    At init: with ``gain=0.0`` the output equals ``shallow`` to the bit: ``shallow + g·(ScalSeq - shallow)``.
    ``gain=None`` is the published form. The gain is ours.

    Cost: ``C·(c_mid + c_deep) + C² + 7C`` parameters with C = c_shallow: 115 584 (+ C gains) and 0.216 GMACs at deep
    512@20x20, mid 256@40x40, shallow 128@80x80 (0.419 in training).

    Args:
        c_deep: Channels of ``deep``.
        c_mid: Channels of ``mid``.
        c_shallow: Channels of ``shallow``; the output has as many.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: [deep (B, c_deep, H/4, W/4), mid (B, c_mid, H/2, W/2), shallow (B, c_shallow, H, W)], odd sizes rounded
        either way; output as ``shallow``.

    Raises:
        BlockArgumentError: The maps are not three neighbouring levels.
    """

    def __init__(self, c_deep: int, c_mid: int, c_shallow: int, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.mid = Conv(c_mid, c_shallow, 1, act=nn.SiLU())
        self.deep = Conv(c_deep, c_shallow, 1, act=nn.SiLU())
        self.shared = BiasedConv(c_shallow, c_shallow, nn.LeakyReLU(0.1))
        self.gain = ResidualGain(c_shallow, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Take the largest answer of the three levels."""
        deep, mid, shallow = x
        fits = halves(mid, shallow)
        require_sizes(self, fits, "'mid' must have half the height and width of 'shallow'", mid=mid, shallow=shallow)
        fits = halves(deep, mid)
        require_sizes(self, fits, "'deep' must have half the height and width of 'mid'", deep=deep, mid=mid)
        size, maps = shallow.shape[2:], [shallow, self.mid(mid), self.deep(deep)]
        if self.training:  # the batch norm sees every map at full size
            full = [maps[0], *(F.interpolate(one, size=size, mode="nearest") for one in maps[1:])]
            answers = list(self.shared(torch.cat([one.to(shallow.dtype) for one in full])).chunk(3))
        else:
            first, *others = (self.shared(one) for one in maps)
            answers = [first, *(F.interpolate(one, size=size, mode="nearest") for one in others)]
        y = torch.maximum(torch.maximum(answers[0], answers[1]), answers[2])  # (B, C, H, W)
        return self.gain(shallow, y)


@block(
    inputs=("main", "side"), out="main", kind="fuse", paper=PAPER, aliases=("attention_model", "asf_attention_model")
)
class CPAM(nn.Module):
    """Channel and position attention: two maps added, gated by channel, by row and by column.

    "ASF-YOLO: A novel YOLO model with attentional scale sequence fusion for cell instance segmentation" (arXiv
    2312.06458), the authors' code (its classes channel_att, local_att and attention_model):

    1. ``s = main·σ(Conv1d_k(mean main)) + side``; the kernel k grows with the logarithm of the channels, as in ECA.
    2. The means of the rows and of the columns of s stand in one line, rows first; 1x1 convolution to C/r, batch norm,
       ReLU; one 1x1 convolution for rows and one for columns back to C; ``CPAM = s·σ(rows)·σ(columns)``.

    No convolution has a bias. A ``side`` of other channels is projected by a 1x1 convolution with batch norm (ours), so
    that the block can stand where Concat stood. In ASF-YOLO ``main`` is the neck's P3 and ``side`` is
    :class:`ScalSeq`'s.

    At init: no identity; near an eighth of ``main`` and a quarter of ``side``. With ``gain=0.0`` the output equals
    ``main`` to the bit, for a place in front of Detect: ``main + g·(CPAM - main)``. The gain is ours.

    Cost: ``3C·h + 2h + k`` parameters with h = C/r: 3 093 and 0.001 GMACs at 128@80x80; a projection adds
    c_side·C + 2C.

    Args:
        c_main: Channels of ``main``.
        c_side: Channels of ``side``.
        reduction: Ratio r; h is C/r, rounded down, at least 1.
        gain: Initial value of the gain g; None is the published form.

    Shapes:
        x: [main (B, c_main, H, W), side (B, c_side, H, W)]; output as ``main``.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(self, c_main: int, c_side: int, reduction: Reduction = 16, *, gain: Gain | None = None) -> None:
        super().__init__()
        kernel = eca_kernel(c_main)
        hidden = max(1, c_main // reduction)
        self.project = projection(c_side, c_main)
        self.channel = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.squeeze = Conv(c_main, hidden, 1, act=nn.ReLU())
        self.rows = nn.Conv2d(hidden, c_main, 1, bias=False)
        self.columns = nn.Conv2d(hidden, c_main, 1, bias=False)
        self.gain = ResidualGain(c_main, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Add ``side`` to ``main`` and gate the sum."""
        require_equal_sizes(self, x)
        main, side = x
        mean = main.mean((2, 3)).unsqueeze(1)  # (B, C, H, W) -> (B, 1, C)
        gate = self.channel(mean).sigmoid().transpose(1, 2).unsqueeze(3)  # (B, C, 1, 1)
        added = torch.addcmul(self.project(side).to(main.dtype), main, gate.to(main.dtype))
        height = main.shape[2]
        line = torch.cat([added.mean(3, keepdim=True), added.mean(2, keepdim=True).transpose(2, 3)], dim=2)
        line = self.squeeze(line)  # (B, C, H + W, 1) -> (B, h, H + W, 1)
        rows = self.rows(line[:, :, :height]).sigmoid()  # (B, C, H, 1)
        columns = self.columns(line[:, :, height:]).sigmoid().transpose(2, 3)  # (B, C, 1, W)
        y = added * rows.to(main.dtype) * columns.to(main.dtype)
        return self.gain(main, y)
