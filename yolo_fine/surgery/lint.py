# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine lint``: every problem of a model YAML at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.model_files import has_place_for_scale, read_model_file
from yolo_fine.results import write_json
from yolo_fine.surgery.key_checks import check_keys
from yolo_fine.surgery.row_checks import RowChecks

MOST_PARAMETERS = 1_000_000_000


@dataclass(frozen=True)
class Problem:
    """One problem of a model YAML.

    Attributes:
        message: What is wrong, where, and what would be right.
        layer: Index of the layer, or None for what concerns the whole file.
    """

    message: str
    layer: int | None = None


@dataclass
class LintReport:
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


def lint(model: str, json: Path | None = None) -> bool:
    """Print every problem of a model YAML.

    Args:
        model: A model YAML by name or path, with or without scale letter.
        json: Write the problems to this file too.

    Returns:
        Whether it is clean.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: The file is no YAML of a model.
    """
    report = find_problems(model)
    for problem in report.problems:
        print(problem.message)
    for note in report.notes:
        print(f"note: {note}")
    if report.clean:
        scales = f" at scale {', '.join(report.scales)}" if any(report.scales) else ""
        print(f"{model}: clean, {report.layers} layers{scales}")
    else:
        print(f"{model}: {len(report.problems)} problem{'s' * (len(report.problems) > 1)}")
    if json:
        write_json(json, {"clean": report.clean, **asdict(report)})
    return report.clean


def find_problems(name: str) -> LintReport:
    """Check a model YAML at the scale that its name asks for, or at all of its scales.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: The file is no YAML of a model.
    """
    _, model = read_model_file(name)
    for section in ("backbone", "head"):
        if not isinstance(model.get(section), list) or not model[section]:
            raise ModelYamlError(f"{name}: '{section}' must be a list of rows [from, repeats, module, args]")
    report = LintReport(name, layers=len(model["backbone"]) + len(model["head"]))
    report.problems += [Problem(f"{name}: {message}") for message in check_keys(model)]
    if report.problems:  # the rows are checked all the same, with keys that can be used
        usable = {"nc": 80, "kpt_shape": [17, 3], "scales": {"n": [0.5, 0.25, 1024]}, "scale": "n", "yaml_file": name}
        model = {**usable, "backbone": model["backbone"], "head": model["head"]}
    report.scales = _scales(model, report)
    seen: set[int | None] = set()
    for scale in report.scales:
        checks = RowChecks({**model, "scale": scale})
        found = [Problem(message, layer) for layer, message in checks.run()]
        if checks.parameters > MOST_PARAMETERS:
            found.append(Problem(f"{name}: {checks.parameters:,} parameters are more than {MOST_PARAMETERS:,}"))
        new = [problem for problem in found if problem.layer not in seen]
        seen |= {problem.layer for problem in new}
        where = "" if scale == report.scales[0] else f" (at scale {scale})"
        report.problems += [Problem(problem.message + where, problem.layer) for problem in new]
    report.problems.sort(key=lambda problem: -1 if problem.layer is None else problem.layer)
    return report


def _scales(model: dict[str, Any], report: LintReport) -> list[str]:
    """Scales to check; says where a letter is missing."""
    known = [str(letter) for letter in model["scales"]] if isinstance(model.get("scales"), dict) else []
    asked = str(model["scale"] or "")
    if not known:
        return [""]
    if asked:
        if asked not in known:
            report.problems.append(Problem(f"{report.model}: there is no scale '{asked}', only {', '.join(known)}"))
            return known
        return [asked]
    if len(known) > 1:
        file = Path(report.model)
        first = known[0]
        if has_place_for_scale(file.name):
            report.notes.append(f"{report.model} names no scale: Ultralytics takes the first, '{first}'")
        else:
            message = (
                f"{report.model}: the file name has no place for a scale letter, so that Ultralytics always takes the "
                f"first of {', '.join(known)}; rename it (yolo11-{file.stem}.yaml, used as "
                f"yolo11{first}-{file.stem}.yaml) or keep one scale"
            )
            report.problems.append(Problem(message))
    return known
