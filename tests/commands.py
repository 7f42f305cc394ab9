# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the installed commands and plain Python in fresh processes, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FAST = ("imgsz=64", "batch=4", "workers=0", "plots=False", "amp=False", "device=cpu")


def run(command: list[str], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in ``cwd`` as a user's shell would; output is captured. Runs are written to ``cwd/runs``."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    surroundings.update(env)  # (under pytest, Ultralytics would write runs elsewhere)
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=300, check=False)


def yolo(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the stock ``yolo`` command."""
    return run([str(Path(sys.executable).with_name("yolo")), *words], cwd, **env)


def yolo_fine(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the ``yolo-fine`` command."""
    return run([str(Path(sys.executable).with_name("yolo-fine")), *words], cwd, **env)


def python(code: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a fresh interpreter."""
    return run([sys.executable, "-c", code], cwd, **env)
