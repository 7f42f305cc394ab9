# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a user asks compose for: ``fuse=FINE(gain=0.1)@p3+DilatedFusion@p4`` as data."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.catalog import get_block
from yolo_fine.errors import ArgumentError


@dataclass(frozen=True)
class Request:
    """One block to be placed.

    Attributes:
        spec: The block.
        args: Its row's arguments, positional ones first, then perhaps a mapping.
        levels: Levels to put it at, or None for every place that there is.
    """

    spec: BlockSpec
    args: list[Any]
    levels: list[int] | None


def read_requests(kind: str, text: str, default_levels: list[int] | None) -> list[Request]:
    """Read ``NAME[(arguments)][@levels][+...]``.

    Args:
        kind: The key that the text belongs to: the blocks must be of that kind.
        text: The value, as ``EMA@p2,p3`` or ``DySample(gain=0.0)``.
        default_levels: Levels of blocks that name none.

    Raises:
        ArgumentError: The text can't be read, or a block is of another kind.
        UnknownBlockError: No block has that name.
    """
    requests = []
    for part in re.split(r"\+(?![^(]*\))", text):
        match = re.fullmatch(r"\s*(\w+)\s*(\(.*\))?\s*(?:@([\w,\s]+))?\s*", part)
        if match is None:
            raise ArgumentError(f"{kind}={text}: '{part}' is not understood; write {kind}=NAME(argument=value)@p3,p4")
        name, call, levels = match.groups()
        spec = get_block(name)
        if spec.kind == "pick":
            raise ArgumentError(f"{kind}={text}: compose writes rows of {spec.name} itself, where they are needed")
        if spec.kind != kind:
            raise ArgumentError(f"{kind}={text}: {spec.name} is a {spec.kind} block; write {spec.kind}={spec.name}")
        args = _read_arguments(f"{name}{call}") if call else []
        requests.append(Request(spec, args, read_levels(levels) if levels else default_levels))
    return requests


def read_levels(text: str) -> list[int]:
    """Read ``p3,p4``.

    Raises:
        ArgumentError: A level is not written that way.
    """
    levels = []
    for word in text.split(","):
        match = re.fullmatch(r"\s*[pP](\d)\s*", word)
        if match is None:
            raise ArgumentError(f"'{word.strip()}' is no level; levels are written p3 or p3,p4")
        levels.append(int(match.group(1)))
    return sorted(set(levels))


def _read_arguments(call: str) -> list[Any]:
    """Arguments of ``NAME(1, gain=0.0)`` as a YAML row has them: ``[1, {"gain": 0.0}]``."""
    try:
        node = ast.parse(call, mode="eval").body
        if not isinstance(node, ast.Call):
            raise ValueError
        args = [ast.literal_eval(value) for value in node.args]
        keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (SyntaxError, ValueError) as error:
        raise ArgumentError(f"'{call}' is not understood; write NAME(1, argument=0.5, other='text')") from error
    return [*args, keywords] if keywords else args
