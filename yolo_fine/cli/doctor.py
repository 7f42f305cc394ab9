# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine doctor``: is this environment able to do what the README promises?"""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from yolo_fine.integration.assumptions import check_assumptions
from yolo_fine.integration.versions import KNOWN_VERSIONS, installed
from yolo_fine.utils.files import write_json


def diagnose(json: Path | None = None) -> bool:
    """Print what was found, a line a check, and return whether all is well.

    Args:
        json: Write the findings to this file too.
    """
    findings = [*_installation(), *_upstream()]
    for subject, problem in findings:
        print(f"{'ok  ' if problem is None else 'FAIL'}  {subject}{'' if problem is None else f': {problem}'}")
    if json:
        write_json(json, [{"check": subject, "problem": problem} for subject, problem in findings])
    return all(problem is None for _, problem in findings)


def _installation() -> list[tuple[str, str | None]]:
    version, place = installed()
    listed = "tested" if version in KNOWN_VERSIONS else f"not among the tested: {', '.join(KNOWN_VERSIONS)}"
    findings: list[tuple[str, str | None]] = [(f"ultralytics {version} at {place} ({listed})", None)]
    findings.append((f"torch {importlib.metadata.version('torch')}", None))
    try:
        importlib.import_module("torchvision.ops").nms  # noqa: B018 - a torchvision of another build lacks its operators
        findings.append((f"torchvision {importlib.metadata.version('torchvision')}", None))
    except Exception as error:  # RuntimeError, ImportError or AttributeError, by the way in which it is broken
        remedy = "reinstall torch and torchvision together, from one index"
        findings.append(("torchvision", f"its operators do not load ({error}); {remedy}"))
    armed = "import sys; start = sys.modules.get('_yolo_fine_start'); sys.exit(not start or not start.is_armed())"
    unarmed = subprocess.run([sys.executable, "-c", armed], check=False).returncode
    advice = "start-up files are not run here (or YOLO_FINE_AUTOLOAD=0): use `yolo-fine train`, or `import yolo_fine`"
    findings.append(("stock `yolo` learns the blocks by itself", advice if unarmed else None))
    return findings


def _upstream() -> list[tuple[str, str | None]]:
    return [(assumption.statement, reason) for assumption, reason in check_assumptions()]
