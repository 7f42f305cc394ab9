# SPDX-License-Identifier: AGPL-3.0-or-later
"""Measures what ``docs/cost.md`` shows: ``python benchmarks/costs.py [NAME ...] [rounds=21]``.

The results go to ``docs/cost/NAME.json``, and ``python scripts/make_pages.py cost`` makes the page from them. Names:
``blocks``, ``training``, ``onnx``, ``models``, ``models_onnx``, ``plain``, ``plain_training``; without names, all.
Everything is measured with one CPU thread; a busy machine widens the intervals, not the ratios.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blocks import compare

from yolo_fine.costs.bench import bench_blocks
from yolo_fine.costs.bench_models import bench_models
from yolo_fine.utils.files import write_json

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "cost"
MEASURED: dict[str, Callable[[int, Path], Any]] = {
    "blocks": lambda rounds, file: bench_blocks(rounds=rounds, growth=True, json=file, plot=file.with_suffix(".png")),
    "training": lambda rounds, file: bench_blocks(rounds=rounds // 2, train=True, json=file),
    "onnx": lambda rounds, file: bench_blocks(rounds=rounds, runtime="onnxruntime", json=file),
    "models": lambda rounds, file: bench_models(rounds=rounds, json=file),
    "models_onnx": lambda rounds, file: bench_models(rounds=rounds, runtime="onnxruntime", json=file),
    "plain": lambda rounds, file: write_json(file, compare(False, rounds)),
    "plain_training": lambda rounds, file: write_json(file, compare(True, rounds // 2)),
}

if __name__ == "__main__":
    options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    for name in [word for word in sys.argv[1:] if "=" not in word] or MEASURED:
        MEASURED[name](int(options.get("rounds", 21)), RESULTS / f"{name}.json")
        print(f"docs/cost/{name}.json", flush=True)
