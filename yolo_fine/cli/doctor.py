# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine doctor``: is this environment able to do what the README promises?"""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.assigning.assumptions import ASSIGNING
from yolo_fine.integration.assumptions import check_assumptions
from yolo_fine.integration.versions import KNOWN_VERSIONS, installed
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """What was found: subjects, each with its problem or None."""

    findings: list[tuple[str, str | None]]

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return all(problem is None for _, problem in self.findings)

    def to_dict(self) -> list[dict[str, Any]]:
        """A subject and its problem each."""
        return [{"check": subject, "problem": problem} for subject, problem in self.findings]

    def summary(self) -> str:
        """How many checks failed."""
        failed = sum(problem is not None for _, problem in self.findings)
        return f"{len(self.findings)} checks, {failed} failed"

    def table(self) -> Sequence[Row]:
        """A row a check."""
        return self.to_dict()

    def show(self) -> list[str | Table]:
        """A line a check."""
        return [
            f"{'ok  ' if problem is None else 'FAIL'}  {subject}{'' if problem is None else f': {problem}'}"
            for subject, problem in self.findings
        ]


@public
def diagnose(json: StrPath | None = None) -> Diagnosis:
    """Check the installation, and every assumption about Ultralytics.

    Args:
        json: Write the findings to this file too.
    """
    diagnosis = Diagnosis([*_installation(), *_upstream()])
    if json is not None:
        diagnosis.to_json(json)
    return diagnosis


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
    return [(assumption.statement, reason) for assumption, reason in check_assumptions(ASSIGNING)]
