# SPDX-License-Identifier: AGPL-3.0-or-later
"""A 1x1 convolution with its batch norm, as the matrix that both are in eval mode."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def as_product(layer: Any) -> tuple[Tensor, Tensor]:
    """The matrix (c2, c1) and the offset (c2,) of Ultralytics' ``Conv(c1, c2, 1, act=False)``, merged or not.

    Args:
        layer: The convolution, whose batch norm uses its running statistics.
    """
    weight = layer.conv.weight.flatten(1)
    bias = layer.conv.bias
    norm = getattr(layer, "bn", None)  # merged into the convolution by fuse()
    if norm is None:
        return weight, torch.zeros_like(weight[:, 0]) if bias is None else bias
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    offset = norm.bias - norm.running_mean * scale
    return weight * scale[:, None], offset if bias is None else offset + bias * scale
