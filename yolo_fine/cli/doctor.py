# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine doctor``: is this environment able to do what the README promises?"""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from yolo_fine.cli.extras import Extra, find_extras
from yolo_fine.utils.calls import public
from yolo_fine.utils.libraries import missing_library
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """What was found.

    Attributes:
        findings: Subjects, each with its problem or None.
        extras: The optional packages; one that is missing is no problem.
    """

    findings: list[tuple[str, str | None]]
    extras: list[Extra] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return all(problem is None for _, problem in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """A subject and its problem each, and the extras."""
        return {"checks": self.table(), "extras": [asdict(extra) for extra in self.extras]}

    def summary(self) -> str:
        """How many checks failed."""
        failed = sum(problem is not None for _, problem in self.findings)
        return f"{len(self.findings)} checks, {failed} failed"

    def table(self) -> Sequence[Row]:
        """A row a check."""
        return [{"check": subject, "problem": problem} for subject, problem in self.findings]

    def show(self) -> list[str | Table]:
        """The checks, the problems in full below them, and the extras."""
        checks = [{"": "ok" if problem is None else "FAIL", "check": subject} for subject, problem in self.findings]
        parts: list[str | Table] = [Table(checks, wraps="check")]
        parts += [f"FAIL  {subject}: {problem}" for subject, problem in self.findings if problem is not None]
        extras = [
            {
                "extra": extra.name,
                "for": extra.purpose,
                "installed": f"no: {', '.join(extra.missing[:4])}{', ...' * (len(extra.missing) > 4)}"
                if extra.missing
                else "yes",
                "add it with": extra.command if extra.missing else "",
            }
            for extra in self.extras
        ]
        parts += ["", Table(extras, wraps="for")] if extras else []
        return [*parts, self.summary()]


@public
def diagnose(json: StrPath | None = None) -> Diagnosis:
    """Check the installation and every assumption about Ultralytics, and list what can be added.

    Args:
        json: Write the findings to this file too.
    """
    diagnosis = Diagnosis(_findings(), find_extras())
    if json is not None:
        diagnosis.to_json(json)
    return diagnosis


def _findings() -> list[tuple[str, str | None]]:
    """All checks; without OpenCV, which Ultralytics imports first of all, only that one."""
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        return [("opencv", missing_library(error) or f"it can't be imported: {error}")]
    return [(f"opencv {cv2.__version__}", None), *_installation(), *_upstream()]


def _installation() -> list[tuple[str, str | None]]:
    from yolo_fine.integration.versions import KNOWN_VERSIONS, installed

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
    from yolo_fine.assigning.assumptions import ASSIGNING
    from yolo_fine.integration.assumptions import check_assumptions

    return [(assumption.statement, reason) for assumption, reason in check_assumptions(ASSIGNING)]
