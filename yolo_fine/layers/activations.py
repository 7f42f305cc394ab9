# SPDX-License-Identifier: AGPL-3.0-or-later
"""Mish by one exponential."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_fine.layers.tracing import computes_plainly

LARGE = 20.0  # from here on tanh(softplus(x)) is 1 in float32


class Mish(nn.Mish):
    """``x · tanh(softplus(x))``, which is ``x · n / (n + 1)`` with ``n = eˣ (eˣ/2 + 1)``.

    PyTorch computes three transcendental functions, and takes three times as long. This form is used for inference in
    float32 on a CPU; training, whose backward pass would have to keep its parts, and exports use PyTorch's.

    Shapes:
        x: any; output the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each value."""
        if torch.is_grad_enabled() or not computes_plainly(x):
            return super().forward(x)
        power = x.clamp(max=LARGE).exp_()
        parts = torch.addcmul(power, power, power, value=0.5)
        return parts.div_(power.copy_(parts).add_(1)).mul_(x)
