# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stock stays stock: YAMLs that Ultralytics ships, with the integration and without it.

A selection of them, or all with YOLO_FINE_ALL=1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import ultralytics

from tests.extent import STOCK, some_stock

FILES = sorted((Path(ultralytics.__file__).parent / "cfg" / "models").rglob("*.yaml"))
SCRIPT = Path(__file__).with_name("stock_models.py")


def start(autoload: str, folder: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "YOLO_FINE_AUTOLOAD": autoload, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, some_stock(FILES))],
        cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_selection_holds_every_family_and_task():
    """Also of a release to come."""

    def words(stems):
        parts = [stem.split("-") for stem in stems]
        families = {re.match(r"[a-z]+\d*", first).group() for first, *_ in parts}  # yolov10b: yolov10
        return families, {word for _, *rest in parts for word in rest}

    (families, layouts), (chosen, chosen_layouts) = words(file.stem for file in FILES), words(STOCK)
    assert families <= chosen
    # what is left out: scales, the series of a yoloe, longer ResNets, one more pooling layer
    assert layouts - chosen_layouts <= {"l", "x", "26", "v8", "resnet18", "resnet101", "spp"}


def test_stock_yamls_build_print_and_compute_the_same(tmp_path):
    processes = {autoload: start(autoload, tmp_path) for autoload in ("1", "0")}
    results = {}
    for autoload, process in processes.items():
        out, err = process.communicate(timeout=500)
        assert process.returncode == 0, err[-3000:]
        results[autoload] = json.loads(out[out.index('{"') :])
    with_us, without = results["1"], results["0"]
    assert len(without) == len(some_stock(FILES))
    assert with_us.keys() == without.keys()
    assert {name: with_us[name] for name in with_us if with_us[name] != without[name]} == {}
    built = [name for name, result in without.items() if "keys" in result]
    assert len(built) >= 0.9 * len(without), {name: result for name, result in without.items() if "error" in result}
