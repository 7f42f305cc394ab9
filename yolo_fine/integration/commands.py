# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' own command: the words that it knows, and a run of it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.versions import stock_folder
from yolo_fine.utils.hints import did_you_mean

SPECIAL = {"settings", "checks", "cfg", "copy-cfg", "solutions", "logout", "login", "hub", "help", "version"}


def known_verbs() -> set[str]:
    """Words that may stand behind ``yolo``: modes, tasks and special commands.

    Read from the text of Ultralytics, because importing it takes a second, and a typing error is answered at once.
    """
    tree = ast.parse((stock_folder() / "cfg" / "__init__.py").read_text(encoding="utf-8"))
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id in ("MODES", "TASKS") for name in node.targets)
    ]
    constants = [node.value for listed in lists for node in ast.walk(listed) if isinstance(node, ast.Constant)]
    return {str(constant) for constant in constants} | SPECIAL


@dataclass(frozen=True)
class ModeArgument:
    """One argument of Ultralytics' modes.

    Attributes:
        key: Its name.
        type: As Ultralytics writes it; empty where it does not.
        default: As Ultralytics writes it; empty for none.
        meaning: One line.
    """

    key: str
    type: str
    default: str
    meaning: str


def mode_arguments() -> list[ModeArgument]:
    """The arguments of train, val, predict and track, as the installed release describes them."""
    text = (stock_folder() / "cfg" / "default.yaml").read_text(encoding="utf-8")
    line = re.compile(r"^(\w+):[ \t]*([^#\n]*?)[ \t]*#[ \t]*(?:\(([^)]*)\)[ \t]*)?(.*)$", re.MULTILINE)
    found = [
        ModeArgument(key, kind.replace(", optional", "") or "any", default, meaning)
        for key, default, kind, meaning in line.findall(text)
    ]
    return [argument for argument in found if argument.key not in ("task", "mode", "cfg", "tracker", "v5loader")]


def run_command(words: Sequence[str]) -> None:
    """Run ``yolo WORDS...`` in this process. Whatever Ultralytics raises is passed on.

    Ultralytics reads the command line that it found when it was imported, and keeps it in several modules (``ARGV``),
    mostly as one list with ``sys.argv``. All of them hold these words for as long as the command runs.
    """
    from ultralytics import cfg
    from ultralytics.engine import model

    lists = {id(argv): argv for argv in (sys.argv, cfg.ARGV, model.ARGV)}.values()
    before = [list(argv) for argv in lists]
    for argv in lists:
        argv[:] = ["yolo", *words]
    try:
        cfg.entrypoint()
    finally:
        for argv, old in zip(lists, before, strict=True):
            argv[:] = old


def check_arguments(arguments: Mapping[str, Any], mode: str = "train") -> None:
    """Check arguments of ``yolo train``, or of another mode, as Ultralytics checks them.

    Raises:
        ArgumentError: One is unknown, or its value does not fit; the message names both.
    """
    from ultralytics.cfg import DEFAULT_CFG_DICT, check_cfg

    for key, value in arguments.items():
        if key not in DEFAULT_CFG_DICT:
            near = did_you_mean(key, DEFAULT_CFG_DICT, {"out": "project"})
            raise ArgumentError(f"'{key}' is no argument of yolo {mode}{near}")
        try:
            check_cfg({key: value})
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{key}={value!r}: {str(error).splitlines()[0]}") from None
