# SPDX-License-Identifier: AGPL-3.0-or-later
"""The keys of a model YAML as its rows need them: what is wrong with some must not blame the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_fine.integration.model_names import read_name
from yolo_fine.linter.keys import check_keys

STAND_INS: dict[str, Any] = {"nc": 80, "kpt_shape": [17, 3]}


@dataclass
class ScaleLetters:
    """The scales to check, and what is wrong with the letter in the file's name.

    Attributes:
        scales: Letters; one empty text for the only scale, or where there are none.
        problems: Messages.
        notes: Messages of what is no problem but may surprise.
    """

    scales: list[str]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def usable_keys(model: dict[str, Any]) -> dict[str, Any]:
    """The model with keys that can be used: faulty ones are left out, or replaced where rows may name them."""
    kept = {}
    for key, value in model.items():
        usable = usable_scales(model) if key == "scales" else value
        if not list(check_keys({"nc": 1, key: usable})):
            kept[key] = usable
        elif key in STAND_INS:
            kept[key] = STAND_INS[key]
    if not kept.get("scales"):
        kept.pop("scales", None)
    return {"nc": STAND_INS["nc"], **kept}


def usable_scales(model: dict[str, Any]) -> dict[Any, Any]:
    """The entries of ``scales`` that are well-formed."""
    scales = model.get("scales")
    if not isinstance(scales, dict):
        return {}
    alone = {letter: list(check_keys({"nc": 1, "scales": {letter: values}})) for letter, values in scales.items()}
    return {letter: scales[letter] for letter in scales if not alone[letter]}


def check_scale_letter(model: dict[str, Any], name: str) -> ScaleLetters:
    """Which scales to check, and whether the name asks for one that is there.

    Args:
        model: The model as ``yaml_model_load`` returns it, with the scale that ``name`` asks for.
        name: The name that was given.
    """
    known = [letter for letter in usable_scales(model) if isinstance(letter, str)]
    asked = str(model["scale"] or "")
    if asked and asked in known:
        return ScaleLetters([asked])
    listed = ", ".join(map(str, model["scales"])) if isinstance(model.get("scales"), dict) else ""
    found = ScaleLetters(known if len(known) > 1 else [""])
    if asked and known and asked not in model["scales"]:
        found.problems.append(f"{name}: there is no scale '{asked}', only {listed}")
    if asked or len(known) < 2:
        return found
    if read_name(name):
        found.notes.append(f"{name} names no scale: Ultralytics takes the first, '{known[0]}'")
        return found
    stem = Path(name).stem
    found.problems.append(
        f"{name}: the file name has no place for a scale letter, so that Ultralytics always takes the first of "
        f"{listed}; rename it (yolo11-{stem}.yaml, used as yolo11{known[0]}-{stem}.yaml) or keep one scale"
    )
    return found
