# SPDX-License-Identifier: AGPL-3.0-or-later
"""Multiplying a map by a gate of one value per channel, with the residual gain folded into the gate."""

from __future__ import annotations

import torch
from torch import Tensor

from yolo_fine.layers.gain import ResidualGain


def gated(x: Tensor, gate: Tensor, gain: ResidualGain) -> Tensor:
    """``x * gate``, or with a gain ``x + g * (x * gate - x)``, of which all but one product is done on the gate.

    Args:
        x: (B, C, H, W).
        gate: (B, C).
        gain: The gain g per channel; with ``g = 0`` the output equals ``x`` to the bit.

    Returns:
        (B, C, H, W) in the dtype of ``x``.
    """
    factor = gate.to(x.dtype)[:, :, None, None]
    return x * gain(torch.ones_like(factor), factor)
