# SPDX-License-Identifier: AGPL-3.0-or-later
"""Constant tensors that a block may keep from one call to the next, and how the matrices among them are used.

Constants that follow from sizes alone are kept per process (``functools.lru_cache``), in no module's state, so that
they never meet pickling, ``deepcopy``, the state dict or another device's copy of the module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

# Absent before torch 2.3; there, compiled graphs take the eager path too.
_is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)


def is_eager(x: Tensor) -> bool:
    """Whether ``x`` is a real tensor in eager mode: not traced, not compiled, not a stand-in such as a FakeTensor.

    Otherwise sizes may be symbols, and constants must be built from them inside the graph.
    """
    return not (torch.jit.is_tracing() or _is_compiling()) and type(x) is Tensor


def suits_matrix_products(x: Tensor) -> bool:
    """Whether resampling ``x`` by constant matrices beats the stock operations: float32 on a CPU, contiguous, eager."""
    return x.dtype == torch.float32 and x.device.type == "cpu" and x.is_contiguous() and is_eager(x)


@contextmanager
def matrix_products() -> Iterator[None]:
    """Resample by matrix products: in full precision, and unseen by profilers of Python calls.

    Ultralytics' GFLOPs extrapolate from small pictures and leave the stock resampling out; counted products, which
    grow faster than the picture, would inflate them.
    """
    with torch.autocast("cpu", enabled=False), torch._C.DisableTorchFunction():
        yield


@contextmanager
def plain_mode() -> Iterator[None]:
    """Build constants without gradients and outside inference mode, whose tensors could not be used in training."""
    with torch.inference_mode(False), torch.no_grad():
        yield
