# SPDX-License-Identifier: AGPL-3.0-or-later
"""The mean of a box distribution as a product of matrices, for ONNX files: onnxruntime takes a tenth of the time.

The heads of YOLOv8 to YOLO12 give a distribution over 16 distances for each side of a box; its mean is the distance
(Li et al., "Generalized Focal Loss", NeurIPS 2020, section 3.2). Ultralytics' layer for it, ``DFL``, is a softmax over
an axis in the middle, which onnxruntime computes place by place. At stride 4 there are 33,600 places in 640 x 640
pixels, and a third of a nano model's time goes there (``python benchmarks/dfl.py``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MatmulDFL(nn.Module):
    """Mean of a distribution over ``bins`` distances: the sums of ``e^x`` with and without weights are one product.

    Args:
        bins: Distances 0, 1, ..., ``bins - 1``, in strides.
    """

    weights: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        distances = torch.arange(bins, dtype=torch.float32)
        self.register_buffer("weights", torch.stack([distances, torch.ones(bins)]))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 4 * bins, places) -> (batch, 4, places)."""
        batch, channels, places = x.shape
        x = x.view(batch, 4, channels // 4, places)
        exp = (x - x.amax(2, keepdim=True)).exp()  # the largest is 1, so that nothing overflows
        sums = self.weights @ exp  # (batch, 4, 2, places)
        return sums[:, :, 0] / sums[:, :, 1]


def use_matmul_dfl(detector: Any) -> int:
    """Put :class:`MatmulDFL` in the place of a model's DFL layers; for a model that is exported, and then let go of.

    Args:
        detector: A ``YOLO`` that holds a network.

    Returns:
        How many were replaced: 0 for heads without a distribution, such as YOLO26's and RT-DETR's.
    """
    from ultralytics.nn.modules.block import DFL

    found = [(parent, name) for parent in detector.model.modules() for name, child in parent.named_children()
             if type(child) is DFL]  # fmt: skip
    for parent, name in found:
        layer = MatmulDFL(getattr(parent, name).c1)
        weight = getattr(parent, name).conv.weight
        setattr(parent, name, layer.to(weight.device, weight.dtype))
    return len(found)
