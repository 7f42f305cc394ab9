# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks in onnxruntime with the forms that exports have, beside PyTorch's operators exported as they are.

    python benchmarks/exported_forms.py [names=EMA,CAT] [threads=1] [rounds=15]

The forms are those of :mod:`yolo_fine.layers.softmax`, :mod:`yolo_fine.layers.activations` and
:mod:`yolo_fine.blocks.ema`. Both files of a block take turns; shown are the median times and the median of their ratio
with its 95 % interval, at 128 channels on 80 x 80 cells.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from unittest import mock

import torch

from yolo_fine.catalog import get_block
from yolo_fine.costs.block_facts import example
from yolo_fine.costs.onnx_call import onnx_call
from yolo_fine.costs.timing import Call, ratio, take_turns
from yolo_fine.recipes import run_script
from yolo_fine.utils.tables import Table

DEFAULT = "EMA,CAT,DilatedContext,CARAFE,FADE,SAPA,LDAAQU,FreqFusion"
DECIDES = ("yolo_fine.layers.softmax", "yolo_fine.layers.activations", "yolo_fine.blocks.ema")


def compare_forms(*, names: str = DEFAULT, threads: int = 1, rounds: int = 15) -> None:
    """Print a table, a row for each block.

    Args:
        names: Blocks.
        threads: CPU threads of onnxruntime.
        rounds: How often each file takes its turn.
    """
    calls: dict[str, Call] = {}
    for name in names.split(","):
        torch.manual_seed(0)
        module, inputs = example(get_block(name), 128, 80)
        calls[name] = onnx_call(module, inputs, threads)
        with ExitStack() as plain:
            for place in DECIDES:
                plain.enter_context(mock.patch(f"{place}.is_tracing", return_value=False))
            calls[f"{name} plain"] = onnx_call(module, inputs, threads)
    times = take_turns(calls, rounds)
    rows = []
    for name in names.split(","):
        ours, plain_form = times[name], times[f"{name} plain"]
        medians = {"plain ms": statistics.median(plain_form), "ms": statistics.median(ours)}
        rows.append(
            {"block": name, **{key: f"{value:.1f}" for key, value in medians.items()}}
            | {"plain / ours": str(ratio(plain_form, ours))}
        )
    print(Table(rows).to_markdown())


if __name__ == "__main__":
    run_script(compare_forms, ["python benchmarks/exported_forms.py names=EMA,CAT rounds=15"])
