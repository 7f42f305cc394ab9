# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be measured of a block: its cost at one size, what it starts as, whether it exports to ONNX."""

from __future__ import annotations

import copy
import importlib.util
import io
import math
import warnings
from dataclasses import dataclass
from typing import Any

from yolo_fine.block_spec import BlockSpec

CHANNELS = 128
SIZE = 80  # cells a side: P3 of a 640 x 640 image
STRIDES = {"upsample": 2.0, "downsample": 0.5}  # of the inputs, where a block declares none


@dataclass(frozen=True)
class BlockFacts:
    """Facts of one block.

    Attributes:
        name: The name in YAML.
        kind: Its kind.
        signature: The accepted row.
        origin: ``paper``, ``reconstruction`` or ``adaptation``.
        paper: Link to the paper.
        summary: First line of its documentation.
        parameters: Number of parameters, where the output is 128 channels on 80 x 80; None if a package is missing.
        mmacs: 10^6 multiply-accumulates of convolutions and matrix products there, in eval mode.
        starts_as: What it puts out before training: ``identity``, ``Concat``, ``nearest``, ``sum``, ``its own map``
            or ``its own maps``.
        onnx: Whether it exports to ONNX at dynamic sizes; None where ``onnx`` is not installed or nobody asked.
    """

    name: str
    kind: str
    signature: str
    origin: str
    paper: str
    summary: str
    parameters: int | None
    mmacs: float | None
    starts_as: str
    onnx: bool | None


def block_facts(spec: BlockSpec, with_onnx: bool = False) -> BlockFacts:
    """Measure one block.

    Args:
        spec: The block.
        with_onnx: Try an export too (about half a second).
    """
    summary = (spec.cls.__doc__ or "").strip().split("\n", maxsplit=1)[0]
    about = (spec.name, spec.kind, spec.signature, spec.origin, spec.paper, summary)
    try:
        parameters, mmacs = cost(spec)
        start = starts_as(spec)
    except Exception as error:  # an optional package is missing, or a user's block does not take these inputs
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        return BlockFacts(*about, parameters=None, mmacs=None, starts_as=f"not built: {reason}", onnx=None)
    tried = exports(spec) if with_onnx and importlib.util.find_spec("onnx") else None
    return BlockFacts(*about, parameters=parameters, mmacs=mmacs, starts_as=start, onnx=tried)


def cost(spec: BlockSpec) -> tuple[int, float]:
    """Parameters, and 10^6 multiply-accumulates."""
    module, inputs = example(spec, CHANNELS, SIZE)
    return sum(parameter.numel() for parameter in module.parameters()), count_macs(module, inputs) / 1e6


def count_macs(module: Any, inputs: Any) -> float:
    """Multiply-accumulates of convolutions and matrix products, counted on the meta device in eval mode."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    twin = copy.deepcopy(module).eval().to("meta")
    maps = [one.to("meta") for one in inputs] if isinstance(inputs, list) else inputs.to("meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        twin(maps)
    return counter.get_total_flops() / 2


def example(spec: BlockSpec, channels: int, size: int) -> tuple[Any, Any]:
    """A block in eval mode with the arguments that fit P3, the defaults elsewhere, and inputs for it.

    The map at the block's place has ``channels`` and ``size`` cells a side (an upsampler's output); a map of twice the
    stride has twice the channels and half the size.
    """
    import torch

    count = len(spec.input_names or ("first", "second"))
    strides = spec.strides or (STRIDES.get(spec.kind, 1.0),) * count
    arguments = spec.arguments_at(1) if spec.arguments_at else []  # P3 lies one level below P4
    kwargs = spec.bind(arguments[spec.out == "arg" :])  # the width is ours to choose
    equal = spec.kind == "upsample" and not spec.strides
    widths = [channels if equal else int(channels * stride) for stride in strides]
    module = spec.build(widths, channels if spec.out == "arg" else spec.output_channels(widths), kwargs).eval()
    maps = [torch.rand(1, width, int(size / s), int(size / s)) for width, s in zip(widths, strides, strict=True)]
    return module, maps[0] if spec.inputs == 1 else maps


def starts_as(spec: BlockSpec) -> str:
    """What a fresh block puts out, by comparison with what needs no block."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(0)
    module, inputs = example(spec, 64, 16)
    with torch.no_grad():
        output = module(inputs)
    maps = [inputs] if spec.inputs == 1 else inputs
    if spec.gives_maps:
        same = len(output) == len(maps) and all(torch.equal(*pair) for pair in zip(output, maps, strict=True))
        return "identity" if same else "its own maps"
    size = output.shape[2:]
    upsampled = [F.interpolate(one, size=size, mode="nearest") for one in maps]
    if any(torch.equal(output, one) for one in maps):
        return "identity"
    if torch.equal(output, upsampled[0]):
        return "nearest"
    if len(maps) > 1 and torch.equal(output, torch.cat(upsampled, 1)):
        return "Concat"
    equal = len(maps) > 1 and {one.shape for one in maps} == {output.shape}
    if equal and torch.allclose(output, sum(maps), atol=1e-6):
        return "sum"
    return "its own map"


def exports(spec: BlockSpec) -> bool:
    """Whether the block exports to ONNX and equals PyTorch there, at a size that the export has not seen."""
    import torch

    module, inputs = example(spec, 32, 16)
    _, others = example(spec, 32, 24)
    count = 1 if spec.inputs == 1 else len(inputs)
    names = [f"x{i}" for i in range(count)]
    buffer: Any = io.BytesIO()
    results = [f"y{i}" for i in range(len(module(inputs)))] if spec.gives_maps else ["y"]
    axes = {name: {0: "batch", 2: f"h{name}", 3: f"w{name}"} for name in [*names, *results]}
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keywords: dict[str, Any] = {"dynamic_axes": axes, "opset_version": 17, "dynamo": False}
            torch.onnx.export(module, (inputs,), buffer, input_names=names, output_names=results, **keywords)
            expected = module(others)
        import onnxruntime

        session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
        maps = [others] if spec.inputs == 1 else others
        found = session.run(None, {name: x.numpy() for name, x in zip(names, maps, strict=True)})
    except Exception:  # whatever the exporter or the runtime refuse
        return False
    pairs = zip(found, expected if spec.gives_maps else [expected], strict=True)
    return all(_relative_error(torch.from_numpy(one), other) < 1e-4 for one, other in pairs)


def _relative_error(found: Any, expected: Any) -> float:
    """Largest difference by largest value; infinite where that is no number."""
    error = float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-9))
    return error if math.isfinite(error) else math.inf
