# SPDX-License-Identifier: AGPL-3.0-or-later
"""Under which rule a model's training assigned small objects to anchors: part of a manifest, and of a comparison.

Three rules are known in the supported releases, and a head with a level at stride 4 halves the size that they speak of.
So a difference between two models may come from the rule, not from what was changed on purpose.
"""

from __future__ import annotations

import re
from typing import Any

from yolo_fine.assigning.rules import make_rule
from yolo_fine.integration.trained_by import TrainedBy, trained_by

LAST_WITHOUT = (8, 4)  # releases before 8.4.0 enlarge no object
SECOND_RULE = ((8, 4, 0), (8, 4, 100))
THIRD_RULE = (8, 4, 190)


def assignment_of(detector: Any) -> dict[str, Any] | None:
    """The rule of a detector's training; None for a head or a file that does not tell.

    Args:
        detector: An ``ultralytics.YOLO``.

    Returns:
        ``trained_with`` (release), ``strides``, ``rule`` (None for a release between those that were looked at),
        ``below`` and ``count_as`` in pixels of the network's input, and ``settings`` of the model's YAML where they
        differ from stock.
    """
    training = trained_by(detector)
    return None if training is None else describe(training)


def describe(training: TrainedBy) -> dict[str, Any]:
    """The record for a manifest."""
    settings = training.settings
    floor = "stock" if settings is None else settings.floor
    name = rule_of_release(training.release) if floor == "stock" else f"floor={floor:g}"
    rule = None if name is None else make_rule(name, training.strides)
    return {
        "trained_with": training.release,
        "strides": list(training.strides),
        "rule": name,
        "below": None if rule is None else rule.below,
        "count_as": None if rule is None else rule.count_as,
        "settings": None if settings is None or settings.is_stock else settings.to_dict(),
    }


def rule_of_release(release: str) -> str | None:
    """The rule that stock Ultralytics follows in a release; None for those between the releases that were looked at."""
    version = tuple(int(part) for part in re.findall(r"\d+", release)[:3])
    if version < LAST_WITHOUT:
        return "8.3"
    if SECOND_RULE[0] <= version <= SECOND_RULE[1]:
        return "8.4.0"
    return "8.4.190" if version >= THIRD_RULE else None


def in_words(record: dict[str, Any]) -> str:
    """``sides below 16 px count as 16 (Ultralytics 8.4.190)``."""
    below, settings = record.get("below"), record.get("settings") or {}
    floor = "an unknown rule" if below is None else "no side enlarged"
    if below:
        floor = f"sides below {below:g} px count as {record['count_as']:g}"
    others = [f"{key} {settings[key]:g}" for key in ("nwd", "box_nwd") if settings.get(key)]
    others += [f"eps {settings['eps']:g}"] if settings.get("eps", "stock") != "stock" else []
    return f"{', '.join([floor, *others])} (Ultralytics {record.get('trained_with')})"


def differing_rules(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """The two rules in words where two manifests name other ones; empty where they are equal or one is unknown."""
    one, other = ours.get("assignment"), theirs.get("assignment")
    if not (one and other):
        return []
    keys = ["below", "count_as", "settings"] + ["trained_with"] * (one.get("rule") is None or other.get("rule") is None)
    if all(one.get(key) == other.get(key) for key in keys):
        return []
    return [in_words(one), in_words(other)]
