# SPDX-License-Identifier: AGPL-3.0-or-later
"""A block in onnxruntime, as a call that can be timed."""

from __future__ import annotations

import io
import warnings
from typing import Any

from yolo_fine.costs.timing import Call


def onnx_call(module: Any, inputs: Any, threads: int) -> Call:
    """Export a module at the size of its inputs, and return a call that runs it on them in onnxruntime.

    Raises:
        ModuleNotFoundError: onnx or onnxruntime is not installed.
    """
    import onnxruntime
    import torch

    maps = inputs if isinstance(inputs, list) else [inputs]
    names = [f"x{i}" for i in range(len(maps))]
    buffer: Any = io.BytesIO()
    keywords: dict[str, Any] = {"opset_version": 17, "dynamo": False, "input_names": names}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (inputs,), buffer, **keywords)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    arrays = {name: one.numpy() for name, one in zip(names, maps, strict=True)}
    return lambda: session.run(None, arrays)
