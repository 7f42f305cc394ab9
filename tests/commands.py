# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs the installed commands and plain Python in fresh processes, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
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


FORKS = """
import atexit, json, os, sys
import torch  # the seconds that all pieces of code share
codes = json.load(sys.stdin)
for number in range(len(codes)):
    if (child := os.fork()) == 0:
        break
    _, status = os.waitpid(child, 0)
    with open(f"{sys.argv[1]}/{number}.code", "w") as file:
        file.write(str(os.waitstatus_to_exitcode(status)))
else:
    sys.exit()
for stream, name in ((1, "out"), (2, "err")):
    os.dup2(os.open(f"{sys.argv[1]}/{number}.{name}", os.O_WRONLY | os.O_CREAT), stream)
end = 0
try:
    exec(compile(codes[number], "<string>", "exec"), {"__name__": "__main__"})
except SystemExit as said:
    end = said.code if isinstance(said.code, int) else int(said.code is not None)
    if isinstance(said.code, str):
        print(said.code, file=sys.stderr)
except BaseException:
    sys.excepthook(*sys.exc_info())
    end = 1
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
os._exit(end)  # taking down torch would need as long as importing it
"""


def pythons(codes: Iterable[str], cwd: Path, **env: str) -> list[subprocess.CompletedProcess[str]]:
    """Run pieces of Python code, each in its own interpreter, which has imported torch and no more.

    They are forks of one interpreter: nothing that a piece of code does or imports reaches the next one.
    """
    codes = list(codes)
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-c", FORKS, folder], cwd=cwd, env={**surroundings, **env}, input=json.dumps(codes),
            text=True, timeout=300, check=True,
        )  # fmt: skip
        told = [[Path(folder, f"{n}.{kind}").read_text() for kind in ("code", "out", "err")] for n in range(len(codes))]
    return [
        subprocess.CompletedProcess(code, int(status), out, err)
        for code, (status, out, err) in zip(codes, told, strict=True)
    ]


def main_of(command: str, *words: str) -> str:
    """Code that does what the installed command does."""
    module = {"yolo": "ultralytics.cfg", "yolo-fine": "yolo_fine.cli"}[command]
    name = {"yolo": "entrypoint", "yolo-fine": "main"}[command]
    return f"import sys; sys.argv = {[command, *words]!r}\nfrom {module} import {name}\nsys.exit({name}())"
