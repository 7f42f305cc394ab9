# SPDX-License-Identifier: AGPL-3.0-or-later
"""Maps whose 2x2 cells become channels, in the order of SPD-Conv."""

from __future__ import annotations

from torch import Tensor

from yolo_fine.layers.windows import pad_to_multiple


def space_to_depth(x: Tensor) -> Tensor:
    """Four maps of every second cell, one behind the other along the channels: (B, C, H, W) to (B, 4C, H/2, W/2).

    Their first cells (row, column) are (0, 0), (1, 0), (0, 1), (1, 1); PyTorch's ``pixel_unshuffle`` and ONNX'
    SpaceToDepth have other orders. Odd sizes are filled up with zeros below and to the right.
    """
    x = pad_to_multiple(x, 2)
    batch, channels, height, width = x.shape
    cells = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return cells.permute(0, 5, 3, 1, 2, 4).reshape(batch, 4 * channels, height // 2, width // 2)
