# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' own command: the words that it knows, and a run of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

SPECIAL = {"settings", "checks", "cfg", "copy-cfg", "solutions", "logout", "login", "hub"}


def known_verbs() -> set[str]:
    """Words that may stand behind ``yolo``: modes, tasks and special commands."""
    from ultralytics.cfg import MODES, TASKS

    return {*MODES, *TASKS, *SPECIAL}


def run_command(words: Sequence[str]) -> None:
    """Run ``yolo WORDS...`` in this process. Whatever Ultralytics raises is passed on.

    Ultralytics reads the command line that it found when it was imported, not the present one; it is given these words
    in its place for as long as the command runs.
    """
    from ultralytics import cfg

    before, argv = cfg.ARGV, sys.argv
    cfg.ARGV = sys.argv = ["yolo", *words]
    try:
        cfg.entrypoint()
    finally:
        cfg.ARGV, sys.argv = before, argv
