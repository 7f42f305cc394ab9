# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine lint``: every problem of a model YAML at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.dry_run.rows import DryRun
from yolo_fine.integration.models import yaml_name
from yolo_fine.integration.parsing.rows import ACCEPTED, read_rows, with_clause
from yolo_fine.integration.parsing.vocabulary import needed_in_file_name, wrong_file_name
from yolo_fine.integration.yaml_text import read_model
from yolo_fine.linter.keys import check_keys
from yolo_fine.linter.lint_keys import check_scale_letter, usable_keys
from yolo_fine.linter.rows import RowChecks
from yolo_fine.linter.whole_model import check_build, check_sizes, note_left_out_stride
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import progress
from yolo_fine.utils.paths import ModelSource, StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Table

MOST_ROWS = 1000
SHOWN = 8  # problems in a summary


@dataclass(frozen=True)
class Problem:
    """One problem of a model YAML.

    Attributes:
        message: What is wrong, where, and what would be right.
        layer: Index of the layer, or None for what concerns the whole file.
        section: ``backbone`` or ``head``, and ``position`` the row's index in it, where a layer is concerned.
    """

    message: str
    layer: int | None = None
    section: str | None = None
    position: int | None = None


@dataclass(repr=False)
class LintReport(Result):
    """What lint has found.

    Attributes:
        model: The name that was given.
        scales: Scales that were checked; one empty text for a YAML without scales.
        problems: All of them, in the order of the rows.
        notes: What is no problem but may surprise.
        layers: Number of layers.
    """

    model: str
    scales: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    layers: int = 0

    @property
    def clean(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    @property
    def passed(self) -> bool:
        """Whether the YAML is clean."""
        return self.clean

    def show(self) -> list[str | Table]:
        """Everything, a line a problem or note, and what it comes to."""
        problems = [printable(problem.message) for problem in self.problems]
        notes = [f"note: {printable(note)}" for note in self.notes]
        return [*problems, *notes, self._total()]

    def summary(self) -> str:
        """The first problems, and what it comes to."""
        first = [printable(problem.message) for problem in self.problems[:SHOWN]]
        return "\n".join([*first, *["..."] * (len(self.problems) > SHOWN), self._total()])

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain values."""
        return {"clean": self.clean, **asdict(self)}

    def table(self) -> list[dict[str, Any]]:
        """The problems."""
        return [asdict(problem) for problem in self.problems]

    def _total(self) -> str:
        if not self.clean:
            return f"{self.model}: {len(self.problems)} problem{'s' * (len(self.problems) > 1)}"
        scales = f" at scale {', '.join(self.scales)}" if any(self.scales) else ""
        return f"{self.model}: clean, {self.layers} layers{printable(scales)}"


@public
def lint(model: ModelSource, json: StrPath | None = None) -> LintReport:
    """Find every problem of a model YAML, at the scale that its name asks for or at all of its scales.

    Args:
        model: A model YAML by name or path, with or without scale letter, or a ``YOLO`` that was built from one.
        json: Write the problems to this file too.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: The file is no YAML of a model.
        ArgumentError: The result can't be written.
    """
    report = find_problems(yaml_name(model))
    if json is not None:
        report.to_json(json)
    return report


def find_problems(name: str) -> LintReport:
    """Check a model YAML at the scale that its name asks for, or at all of its scales.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: The file is no YAML of a model.
    """
    _, model = read_model(name)
    report = judge(name, model)
    if report.clean:
        scale = report.scales[0]
        report.problems += [Problem(message) for message in check_build({**usable_keys(model), "scale": scale}, scale)]
    return report


def judge(name: str, model: dict[str, Any]) -> LintReport:
    """Check a model that has been read, or made.

    Args:
        name: Its file's name, which asks for a scale or not.
        model: The dictionary that the stock parser would get, with the scale that ``name`` asks for.

    Raises:
        ModelYamlError: It is no model.
    """
    for section in ("backbone", "head"):
        if not isinstance(model.get(section), list) or not model[section]:
            raise ModelYamlError(f"{name}: '{section}' must be a list of rows [from, repeats, module, args]")
    report = LintReport(name, layers=len(model["backbone"]) + len(model["head"]))
    if report.layers > MOST_ROWS:
        raise ModelYamlError(f"{name} is no model YAML: it has {report.layers:,} rows")
    report.problems += [Problem(f"{name}: {message}") for message in check_keys(model)]
    named = [row.module for row in read_rows(model) if row.module]
    unfit = wrong_file_name(name, named)
    if unfit and not any(needed_in_file_name(layer) for layer in named):  # else the rows that need it say so
        report.problems.append(Problem(f"{name}: {unfit}"))
    letters = check_scale_letter(model, name)
    report.problems += [Problem(message) for message in letters.problems]
    report.notes += letters.notes
    report.scales = letters.scales
    model = usable_keys(model)
    try:
        if model.get("activation"):
            DryRun(model).activation()
    except ModelYamlError as error:
        report.problems.append(Problem(str(error)))
        del model["activation"]
    report.problems += _at_each_scale(model, report)
    report.problems.sort(key=lambda problem: -1 if problem.layer is None else problem.layer)
    return report


def printable(text: str) -> str:
    """Text in which whatever a terminal would not show as a character is shown as its escape sequence.

    Only what is accepted begins a line.
    """
    lines = text.split(ACCEPTED)
    return ACCEPTED.join("".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines)


def _at_each_scale(model: dict[str, Any], report: LintReport) -> list[Problem]:
    """Problems of the rows. Their notes are added to the report."""
    found: dict[str, list[Problem]] = {}
    notes: dict[int, str] = {}
    with progress(f"{report.model}: layers") as advance:
        for at, scale in enumerate(report.scales):
            checks = RowChecks({**model, "scale": scale})
            found[scale] = []
            tell = partial(_tell, advance, at * report.layers, len(report.scales) * report.layers)
            for layer, message in [*checks.run(tell), *check_sizes(checks)]:
                row = None if layer is None else checks.rows[layer]
                found[scale].append(Problem(message, layer, row.section, row.position) if row else Problem(message))
            notes = {**dict(note_left_out_stride(checks)), **checks.notes, **notes}
    report.notes += [notes[layer] for layer in sorted(notes)]
    return _merged(found)


def _tell(advance: Callable[..., None], before: int, total: int, layer: int) -> None:
    advance(before + layer, total)


def _merged(found: dict[str, list[Problem]]) -> list[Problem]:
    """Problems of all scales. What is wrong with a layer is said once, and where it is right at other scales."""
    merged: list[Problem] = []
    told: set[int | str] = set()
    places = {scale: {_place(problem) for problem in problems} for scale, problems in found.items()}
    for problems in found.values():
        new = [problem for problem in problems if _place(problem) not in told]
        told |= {_place(problem) for problem in new}
        for problem in new:
            others = [scale for scale in found if _place(problem) in places[scale]]
            where = f" (at scale {', '.join(others)})" if len(others) < len(found) else ""
            merged.append(replace(problem, message=with_clause(problem.message, where)))
    return merged


def _place(problem: Problem) -> int | str:
    """What tells problems apart: the layer, or the message where there is none."""
    return problem.message if problem.layer is None else problem.layer
