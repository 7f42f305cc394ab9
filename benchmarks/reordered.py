# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks beside themselves at an earlier commit: ``python benchmarks/reordered.py [commit=11995a5] [rounds=24]``.

Earlier and present code take turns in one process, so that a busy machine slows both alike; what is measured is the CPU
time of the thread. The ratios, also to the yardstick of ``yolo-fine bench blocks``, go to ``docs/cost/reordered.json``.
The earlier files come from git.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import torch

from yolo_fine.blocks import EMA, FINE, LDAAQU, DilatedContext, DilatedFusion
from yolo_fine.costs import timing
from yolo_fine.costs.bench import YARDSTICK, Setting, prepared, yardstick
from yolo_fine.integration.devices import processor
from yolo_fine.utils.files import write_json

ROOT = Path(__file__).resolve().parents[1]
DECLARATION = re.compile(r"^@block\((?:[^()]|\([^()]*\))*\)\n", re.MULTILINE)  # would declare the block twice
FILES = {"ema": "blocks", "dilated": "blocks", "fine": "blocks", "sampling": "layers", "lda_aqu": "blocks"}


def earlier(commit: str) -> dict[str, Any]:
    """The modules as they were. What is not among them is today's."""
    found: dict[str, Any] = {}
    for name, room in FILES.items():
        place = f"yolo_fine.{room}.{name}"
        command = ["git", "-C", str(ROOT), "show", f"{commit}:{place.replace('.', '/')}.py"]
        code = DECLARATION.sub("", subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for other, module in found.items():
            code = code.replace(f"from yolo_fine.{FILES[other]}.{other} import", f"from {module.__name__} import")
        found[name] = sys.modules[f"earlier_{name}"] = types.ModuleType(f"earlier_{name}")
        exec(compile(code, f"{commit}:{name}", "exec"), vars(found[name]))
    return found


def compare(old: dict[str, Any], train: bool, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Ratios of earlier and present blocks to the yardstick, and of one to the other."""
    low, coarse = torch.randn(1, 128, 80, 80), torch.randn(1, 128, 40, 40)
    high, shallow = torch.randn(1, 256, 40, 40), torch.randn(1, 64, 160, 160)
    fine = (old["fine"].FINE(256, 128, 2), FINE(256, 128, 2), [high, low])
    ema = (old["ema"].EMA(128), EMA(128), low)
    fusion = (old["dilated"].DilatedFusion(256, 128, 64), DilatedFusion(256, 128, 64), [high, low, shallow])
    context = (old["dilated"].DilatedContext(128), DilatedContext(128), low)
    in_training = {"FINE": fine, "LDAAQU": (old["lda_aqu"].LDAAQU(128), LDAAQU(128), coarse), "EMA": ema}
    cases = in_training if train else {"EMA": ema, "DilatedContext": context, "DilatedFusion": fusion, "FINE": fine}
    setting = Setting(128, 80, train, False, "float32", "torch", 1, "cpu")
    calls = {YARDSTICK: prepared(*yardstick(setting), setting)}
    for name, (before, after, inputs) in cases.items():
        calls[f"{name} before"] = prepared(before.eval(), inputs, setting)
        calls[f"{name} after"] = prepared(after.eval(), inputs, setting)
    times = timing.take_turns(calls, rounds)
    pairs = {"before": ("before", None), "after": ("after", None), "before_to_after": ("before", "after")}
    return {
        name: {
            key: vars(timing.ratio(times[f"{name} {one}"], times[f"{name} {other}" if other else YARDSTICK]))
            for key, (one, other) in pairs.items()
        }
        for name in cases
    }


if __name__ == "__main__":
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    rounds, commit = int(options.get("rounds", "24")), options.get("commit", "11995a5")
    timing.time = types.SimpleNamespace(perf_counter=time.thread_time)  # type: ignore[assignment]
    old = earlier(commit)
    with timing.threads(1):
        measured = {"inference": compare(old, False, rounds), "training": compare(old, True, max(1, rounds // 3))}
    where = {"torch": torch.__version__, "processor": processor("cpu")}
    settings = where | {"rounds": rounds, "threads": 1, "commit": commit}
    write_json(ROOT / "docs" / "cost" / "reordered.json", measured | {"settings": settings})
    for kind, ratios in measured.items():
        for name, one in ratios.items():
            print(kind, name, {key: str(timing.Ratio(**value)) for key, value in one.items()})
