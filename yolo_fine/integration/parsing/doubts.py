# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that can be built but were hardly meant: channels typed by hand, and values that their argument's type doubts.

Forks want ``CBAM, [256, 7]``; here a row never states its channels, and the same row is another network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.integration.parsing.rows import Row, with_clause
from yolo_fine.utils.arguments import constraints, matches

LEAST_CHANNELS = 8  # Ultralytics' widths are multiples of 8


@dataclass(frozen=True)
class Doubt:
    """Why a row was hardly meant.

    Attributes:
        words: What is doubted, and the row that was probably meant.
        on_purpose: Whether all that is doubted was given by name, which nobody does by mistake.
    """

    words: str
    on_purpose: bool


def find_doubt(row: Row, spec: BlockSpec, c2: int | None, counts: Callable[[], set[int]]) -> Doubt | None:
    """What is to be doubted in the arguments of a block's row.

    Args:
        row: The row.
        spec: Its block.
        c2: Channels of the output, or None where they are not known.
        counts: Channels of the row's inputs and output at every scale. Called only where that matters.
    """
    first_argument = int(spec.out == "arg")
    positional = list(row.raw[3][first_argument:])
    named = dict(positional.pop()) if positional and isinstance(positional[-1], Mapping) else {}
    names = [parameter.name for parameter in spec.parameters]
    reasons = {}
    meant = positional
    if positional and names and _may_be_channels(positional[0], spec.parameters[0].default):
        channels = counts()
        if positional[0] in channels:
            usable = matches(positional[0], spec.parameters[0].annotation)
            by_name = f" (if that is meant, write {{{names[0]}: {positional[0]}}})" if usable else ""
            reasons[names[0]] = (
                f"{positional[0]} looks like the row's channels, which are not written here, and is read as "
                f"'{names[0]}'{by_name}"
            )
            meant = _without_channels(positional, channels, spec)
    given = dict(zip(names, positional, strict=False)) | named
    for parameter in spec.parameters:
        value = given.get(parameter.name, parameter.default)
        if c2 is None or value == parameter.default or not matches(value, parameter.annotation):
            continue
        for constraint in constraints(parameter.annotation) if value is not None else ():
            if parameter.name not in reasons and (reason := constraint.doubt(value, c2)):
                reasons[parameter.name] = f"'{parameter.name}' {value} {reason}"
    if not reasons:
        return None
    if meant is positional:
        meant = positional[: next((i for i, name in enumerate(names) if name in reasons), None)]
    kept = {name: value for name, value in named.items() if name not in reasons}
    args = [*row.raw[3][:first_argument], *meant, *([kept] if kept else [])]
    words = f"{'; '.join(reasons.values())}; probably meant: {[*row.raw[:3], args]}"
    return Doubt(words, on_purpose=reasons.keys() <= named.keys())


def with_doubt(error: object, doubt: Doubt | None) -> str:
    """An error's text with the doubt as last clause of its first line."""
    return with_clause(error, f"; {doubt.words}") if doubt else str(error)


def _may_be_channels(value: Any, default: Any) -> bool:
    return type(value) is int and value >= LEAST_CHANNELS and value != default


def _without_channels(positional: list[Any], channels: set[int], spec: BlockSpec) -> list[Any]:
    """The arguments behind the channels, if they are what the block's first arguments usually are; else none."""
    rest = list(positional)
    while rest and rest[0] in channels:
        del rest[0]
    usual = (parameter.default in (value, None) for parameter, value in zip(spec.parameters, rest, strict=False))
    return rest if all(usual) else []
