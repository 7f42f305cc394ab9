# SPDX-License-Identifier: AGPL-3.0-or-later
"""Mish by one exponential."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_fine.layers.plainly import computes_plainly, is_compiling
from yolo_fine.layers.tracing import is_tracing

LARGE = 20.0  # from here on tanh(softplus(x)) is 1 in float32
PIECE = 1 << 16  # values at a time: what is in between stays in the cache


class Mish(nn.Mish):
    """``x · tanh(softplus(x))``, which is ``x · n / (n + 1)`` with ``n = eˣ (eˣ/2 + 1)``.

    PyTorch computes three transcendental functions, and takes about four times as long. This form is used for inference
    in float32 on a CPU; training, whose backward pass would have to keep its parts, uses PyTorch's. Exports have
    ``x / (1 + 1/n)``, which holds where ``eˣ`` overflows: onnxruntime is slow at softplus
    (``python benchmarks/exported_forms.py``).

    Shapes:
        x: any; output the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each value."""
        if is_tracing():
            power = x.exp()
            return x / (1 + 1 / (power * (power * 0.5 + 1)))
        dense = x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))
        if torch.is_grad_enabled() or is_compiling() or not computes_plainly(x) or not dense:
            return super().forward(x)
        y = torch.empty_like(x)
        given, wanted = (one.as_strided((one.numel(),), (1,), one.storage_offset()) for one in (x, y))
        space = x.new_empty(min(PIECE, x.numel()))
        for values, out in zip(given.split(PIECE), wanted.split(PIECE), strict=True):
            power = space[: len(values)]
            torch.clamp(values, max=LARGE, out=power).exp_()
            torch.addcmul(power, power, power, value=0.5, out=out)  # n
            torch.add(out, 1, out=power)
            out.div_(power).mul_(values)
        return y
