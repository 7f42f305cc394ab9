# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a block can show of its work on an image: the one protocol that ``yolo-fine explain`` draws by.

A block that has something to show offers a method ``views``, which is given what ``forward`` was given and computes
the numbers once more. Training, inference and export never call it. A block without one is shown by what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Heat:
    """A number for every cell of a map.

    Attributes:
        name: What it is, in a few words.
        values: (B, C, H, W); more than one channel is shown by the mean.
        neutral: The value at which nothing is done: 1 for a factor, 0 for what is added; None if there is none.
    """

    name: str
    values: Tensor
    neutral: float | None = None


@dataclass(frozen=True)
class Bars:
    """A number for every channel, or for every map that is fused.

    Attributes:
        name: What it is, in a few words.
        values: (B, n).
        labels: A word for each of the n; empty for channels.
        neutral: The value at which nothing is done, or None.
    """

    name: str
    values: Tensor
    labels: tuple[str, ...] = ()
    neutral: float | None = None


@dataclass(frozen=True)
class Points:
    """Where each output cell looks.

    Attributes:
        name: What it is, in a few words.
        rows: (B, P, rH, rW): how many cells from the centre of the first cell of the input map each point lies.
        columns: The same along the other axis.
        weights: (B, P, rH, rW), what each point counts; they sum to 1.
        cells: Height and width of the input map, in cells.
    """

    name: str
    rows: Tensor
    columns: Tensor
    weights: Tensor
    cells: tuple[int, int]


View: TypeAlias = Heat | Bars | Points


@runtime_checkable
class HasViews(Protocol):
    """A block that can show its work."""

    def views(self, x: Any) -> Iterator[View]:
        """What it does with ``x``, which ``forward`` was given, in eval mode and without gradients."""
        ...


def kernel_points(name: str, kernels: Tensor, kernel: int, scale: int, size: tuple[int, int] | None = None) -> Points:
    """The window of every output cell of an upsampler that blends neighbours, as points.

    Args:
        name: What it is.
        kernels: (B, k², r², H, W), the window row-major, as :func:`yolo_fine.layers.reassembly.reassemble` takes it.
        kernel: Side k of the window.
        scale: Factor r.
        size: Height and width of the output, where it is smaller than r times the input.
    """
    import torch

    _, taps, _, height, width = kernels.shape
    weights = torch.nn.functional.pixel_shuffle(kernels.flatten(1, 2), scale)  # (B, k², rH, rW)
    tap = torch.arange(taps, device=kernels.device)
    down = torch.div(tap, kernel, rounding_mode="floor") - kernel // 2
    across = tap % kernel - kernel // 2
    row = torch.arange(height, device=kernels.device).repeat_interleave(scale)[None, :, None]
    column = torch.arange(width, device=kernels.device).repeat_interleave(scale)[None, None]
    rows, columns = (row + down[:, None, None]).float(), (column + across[:, None, None]).float()
    tall, wide = size or (scale * height, scale * width)
    rows, columns = (part.expand(weights.shape)[:, :, :tall, :wide] for part in (rows, columns))
    return Points(name, rows, columns, weights[:, :, :tall, :wide], (height, width))
