# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which class of a model is which category of the ground truth, decided by name and never by guess.

Names are compared without case, spaces, ``_`` and ``-``: ``awning-tricycle`` is ``Awning_Tricycle``.

* The same names on both sides match, in whatever order: VisDrone's model classes 0..9 become categories 1..10.
* A class of the ground truth that the model doesn't know is an error, because its AP would be zero and would pull the
  mean down as if the model were bad. ``allow_missing=True`` says that this is meant: the class counts, with no boxes.
* A class of the model that the ground truth doesn't have (77 of COCO's 80 on a set of cars, trucks and buses) is left
  out, before the limit on detections, and :func:`left_out` words it for the report.
* Names that say nothing (``0``, ``class0``, ``class_0``: what exported files without names carry) match by position,
  if one side has only such names and the counts are equal.
"""

from __future__ import annotations

import re

from yolo_fine.errors import DataError
from yolo_fine.utils.hints import did_you_mean, listed

SAYS_NOTHING = re.compile(r"(class|cls)?\d+")
SHOWN = 8  # names listed in a message


def match_classes(
    model_names: dict[int, str], classes: dict[int, str], *, allow_missing: bool = False
) -> dict[int, int]:
    """Match a model's classes with the categories of the ground truth.

    Args:
        model_names: Class index of the model -> name, as ``YOLO.names``.
        classes: Category number of the ground truth -> name, as ``GroundTruth.classes``.
        allow_missing: Accept categories that the model doesn't know, as long as it knows one.

    Returns:
        Class index of the model -> category number. Model classes without a category are left out.

    Raises:
        DataError: The lists don't match; the message names the differences and the nearest names.
    """
    by_model, by_truth = _by_plain_name("the model", model_names), _by_plain_name("the ground truth", classes)
    by_position = len(by_model) == len(by_truth) and (_says_nothing(by_model) or _says_nothing(by_truth))
    if by_position and by_model.keys() != by_truth.keys():
        return dict(zip(sorted(model_names), sorted(classes), strict=True))
    matched = {by_model[name]: by_truth[name] for name in by_model if name in by_truth}
    missing = [classes[by_truth[name]] for name in by_truth if name not in by_model]
    if missing and not (allow_missing and matched):
        raise DataError(_difference(model_names, classes, matched, missing))
    return dict(sorted(matched.items()))


def left_out(model_names: dict[int, str], matched: dict[int, int]) -> str | None:
    """A sentence on the model's classes that take no part, or None if there are none."""
    others = [name for index, name in sorted(model_names.items()) if index not in matched]
    if not others:
        return None
    return (
        f"{len(others)} of the model's {len(model_names)} classes are not in the ground truth: {listed(others, SHOWN)}"
    )


def _by_plain_name(side: str, names: dict[int, str]) -> dict[str, int]:
    if not names:
        raise DataError(f"{side} has no class names")
    by_name: dict[str, int] = {}
    for number, name in names.items():
        plain = re.sub(r"[\s_-]+", "", str(name)).casefold()
        if plain in by_name:
            other = by_name[plain]
            raise DataError(f"{side} has two classes of one name: {other} '{names[other]}' and {number} '{name}'")
        by_name[plain] = number
    return by_name


def _says_nothing(names: dict[str, int]) -> bool:
    return all(SAYS_NOTHING.fullmatch(name) for name in names)


def _difference(
    model_names: dict[int, str], classes: dict[int, str], matched: dict[int, int], missing: list[str]
) -> str:
    others = [name for index, name in sorted(model_names.items()) if index not in matched]
    hints = [f"'{name}'{did_you_mean(str(name), map(str, others))}" for name in missing[:SHOWN]] + missing[SHOWN:]
    message = (
        f"the class lists don't match: of the ground truth's {len(classes)} classes, the model doesn't know "
        f"{listed(hints, SHOWN)}"
    )
    if others:
        message += f"; of the model's {len(model_names)} classes, the ground truth doesn't have {listed(others, SHOWN)}"
    if matched:
        message += "; allow_missing=True evaluates all the same, with no boxes of those classes"
    return message
