# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stock stays stock: every YAML that Ultralytics ships, with the integration and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("stock_models.py")


def start(autoload: str, folder: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "YOLO_FINE_AUTOLOAD": autoload, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT)], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_every_stock_yaml_builds_prints_and_computes_the_same(tmp_path):
    processes = {autoload: start(autoload, tmp_path) for autoload in ("1", "0")}
    results = {}
    for autoload, process in processes.items():
        out, err = process.communicate(timeout=500)
        assert process.returncode == 0, err[-3000:]
        results[autoload] = json.loads(out[out.index('{"') :])
    with_us, without = results["1"], results["0"]
    assert with_us.keys() == without.keys()
    assert {name: with_us[name] for name in with_us if with_us[name] != without[name]} == {}
    built = [name for name, result in without.items() if "keys" in result]
    assert len(built) >= 0.9 * len(without), {name: result for name, result in without.items() if "error" in result}
