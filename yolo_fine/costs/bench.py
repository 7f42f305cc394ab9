# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine bench blocks``: how long blocks take beside a 3x3 convolution, and how that grows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from yolo_fine.block_spec import KINDS, BlockSpec
from yolo_fine.catalog import get_block, list_blocks
from yolo_fine.costs.bench_result import Bench, Timing
from yolo_fine.costs.block_facts import count_macs, example
from yolo_fine.costs.memory import peak_bytes
from yolo_fine.costs.timing import Call, quartiles, ratio, read_device, take_turns
from yolo_fine.costs.timing import threads as use_threads
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.devices import processor
from yolo_fine.utils.calls import public
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import StrPath

Precision = Literal["float32", "bfloat16", "float16"]
YARDSTICK = "Conv3x3+BN+SiLU"
GROWTH_SIZES, GROWTH_CHANNELS = (20, 40, 80, 160, 320), (64, 128, 256, 512)


@dataclass(frozen=True)
class Setting:
    """How blocks are run: see :func:`bench_blocks`."""

    channels: int
    size: int
    train: bool
    compiled: bool
    precision: Precision
    runtime: Literal["torch", "onnxruntime"]
    threads: int
    device: str


@public
def bench_blocks(
    names: str | None = None,
    *,
    kind: str | None = None,
    channels: int = 128,
    size: int = 80,
    train: bool = False,
    compile: bool = False,
    precision: Precision = "float32",
    runtime: Literal["torch", "onnxruntime"] = "torch",
    threads: int = 1,
    device: str = "cpu",
    rounds: int = 30,
    growth: bool = False,
    json: StrPath | None = None,
    plot: StrPath | None = None,
) -> Bench:
    """Time blocks beside one 3x3 convolution with batch norm and SiLU, all in one run.

    Every block has ``channels`` output channels on ``size`` x ``size`` cells, and the arguments that fit P3. All take
    turns in every round. A ratio whose 95 % interval holds 1 is not printed as a number.

    Args:
        names: Blocks, as ``FINE,EMA``; all if not given.
        kind: Blocks of this kind only.
        channels: Channels of the block's output.
        size: Cells a side of the block's output.
        train: Forward and backward, in training mode.
        compile: Compiled by ``torch.compile``.
        precision: Under autocast, if not float32.
        runtime: ``onnxruntime`` times the exported block.
        threads: CPU threads.
        device: ``cpu``, or ``0`` for the first GPU.
        rounds: How often each one takes its turn.
        growth: Also how operations grow with cells and with channels.
        json: Write the result to this file too.
        plot: Draw ratios against parameters to this ``.png`` file.

    Raises:
        UnknownBlockError: No block has that name.
        ArgumentError: An argument can't be used, or two can't be used together.
    """
    if kind is not None and kind not in KINDS:
        raise ArgumentError(f"kind={kind} is none of {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    if runtime == "onnxruntime" and (train or compile or precision != "float32" or device != "cpu"):
        raise ArgumentError("runtime=onnxruntime times inference in float32 on the CPU; leave the others out")
    asked = {"channels": (channels, 16), "size": (size, 8), "rounds": (rounds, 1), "threads": (threads, 1)}
    for key, (value, least) in asked.items():
        if value < least:
            raise ArgumentError(f"{key}={value} must be {least} or more")
    device = read_device(device)
    setting = Setting(channels, size, train, compile, precision, runtime, threads, device)
    specs = [get_block(name.strip()) for name in names.split(",")] if names else list_blocks(kind)
    with use_threads(threads):
        result = measure(specs, setting, rounds, growth)
    if json is not None:
        result.to_json(json)
    if plot is not None:
        from yolo_fine.costs.bench_plot import draw

        draw(result, plot)
    return result


def measure(specs: Sequence[BlockSpec], setting: Setting, rounds: int, growth: bool) -> Bench:
    """Time blocks, the yardstick first; blocks that can't be built here are listed with the reason."""
    import torch

    torch.manual_seed(0)
    modules: dict[str, tuple[Any, Any]] = {YARDSTICK: yardstick(setting)}
    left_out: dict[str, str] = {}
    for spec in specs:
        try:
            modules[spec.name] = example(spec, setting.channels, setting.size)
        except Exception as error:  # an optional package is missing, or these channels do not suit the block
            left_out[spec.name] = str(error).split("\n", maxsplit=1)[0]
    calls: dict[str, Call] = {}
    for name, (module, inputs) in list(modules.items()):
        try:
            calls[name] = prepared(module, inputs, setting)
            calls[name]()
        except Exception as error:  # what a compiler or a runtime refuses is a result, not the end of the others
            calls.pop(name, None)
            left_out[name] = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
    if YARDSTICK in left_out:
        raise ArgumentError(f"{YARDSTICK}, which all are compared with, can't be run so: {left_out[YARDSTICK]}")
    wait = torch.cuda.synchronize if setting.device != "cpu" else None
    times = take_turns(calls, rounds, wait)
    timings = {}
    for name, call in calls.items():
        module, inputs = modules[name]
        timings[name] = Timing(
            ms=statistics.median(times[name]),
            quartiles=quartiles(times[name]),
            ratio=ratio(times[name], times[YARDSTICK]),
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            mmacs=count_macs(module, inputs) / 1e6,
            peak_mb=peak_bytes(call, setting.device) / 2**20 if setting.runtime == "torch" else None,
            growth=exponents(get_block(name)) if growth and name != YARDSTICK else None,
        )
    where = {"torch": torch.__version__, "processor": processor(setting.device)}
    return Bench("blocks", YARDSTICK, timings, vars(setting) | {"rounds": rounds} | where, left_out)


def yardstick(setting: Setting) -> tuple[Any, Any]:
    """A 3x3 convolution with batch norm and SiLU, and its input."""
    import torch
    from ultralytics.nn.modules import Conv

    module = Conv(setting.channels, setting.channels, 3).eval()
    return module, torch.randn(1, setting.channels, setting.size, setting.size)


def prepared(module: Any, inputs: Any, setting: Setting) -> Call:
    """A call that runs a module once, as the setting asks."""
    import torch

    if setting.runtime == "onnxruntime":
        from yolo_fine.costs.onnx_call import onnx_call

        return onnx_call(module, inputs, setting.threads)
    maps = [one.to(setting.device) for one in (inputs if isinstance(inputs, list) else [inputs])]
    module = module.train(setting.train).to(setting.device)
    run: Callable[..., Any] = torch.compile(module) if setting.compiled else module
    dtype = getattr(torch, setting.precision)
    mixed = partial(torch.autocast, setting.device.partition(":")[0], dtype=dtype, enabled=dtype != torch.float32)

    def forward() -> Any:
        with torch.no_grad(), mixed():
            return run(maps if isinstance(inputs, list) else maps[0])

    def forward_and_backward() -> None:
        leaves = [one.detach().requires_grad_() for one in maps]
        with mixed():
            output = run(leaves if isinstance(inputs, list) else leaves[0])
        sum(one.float().sum() for one in (output if isinstance(output, list) else [output])).backward()
        module.zero_grad(set_to_none=True)

    return forward_and_backward if setting.train else forward


def exponents(spec: BlockSpec) -> dict[str, float]:
    """How a block's multiply-accumulates grow: exponents of cells and of channels, fitted on the meta device.

    1 in cells is a convolution, 2 an attention of every cell to every other one.
    """
    by_size = [(size * size, count_macs(*example(spec, 128, size))) for size in GROWTH_SIZES]
    by_channels = [(channels, count_macs(*example(spec, channels, 40))) for channels in GROWTH_CHANNELS]
    return {"cells": slope(by_size[-3:]), "channels": slope(by_channels)}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of a line through points in double logarithmic scale; 0 where nothing is counted."""
    if any(y <= 0 for _, y in points):
        return 0.0
    x, y = ([math.log(value) for value in column] for column in zip(*points, strict=True))
    return statistics.linear_regression(x, y).slope
