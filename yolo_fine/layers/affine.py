# SPDX-License-Identifier: AGPL-3.0-or-later
"""A convolution with its batch norm, as the one convolution or matrix that both are in eval mode."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def as_kernel(layer: Any) -> tuple[Tensor, Tensor]:
    """The weight (c2, c1/groups, k, k) and the bias (c2,) of Ultralytics' ``Conv``, merged with its norm or not.

    Args:
        layer: The convolution, whose batch norm uses its running statistics.
    """
    weight, bias = layer.conv.weight, layer.conv.bias
    norm = getattr(layer, "bn", None)  # merged into the convolution by fuse()
    if norm is None:
        return weight, weight.new_zeros(len(weight)) if bias is None else bias
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    offset = norm.bias - norm.running_mean * scale
    return weight * scale[:, None, None, None], offset if bias is None else offset + bias * scale


def as_product(layer: Any) -> tuple[Tensor, Tensor]:
    """The matrix (c2, c1) and the offset (c2,) of ``Conv(c1, c2, 1, act=False)``: see :func:`as_kernel`."""
    weight, bias = as_kernel(layer)
    return weight.flatten(1), bias


def merged(layer: Any, x: Tensor) -> Tensor:
    """What Ultralytics' ``Conv`` gives in eval mode, without a pass over the map for its norm."""
    weight, bias = as_kernel(layer)
    conv = layer.conv
    y: Tensor = layer.act(F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups))
    return y
