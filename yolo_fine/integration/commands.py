# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' own command: the words that it knows, and a run of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

SPECIAL = {"settings", "checks", "cfg", "copy-cfg", "solutions", "logout", "login", "hub", "help", "version"}


def known_verbs() -> set[str]:
    """Words that may stand behind ``yolo``: modes, tasks and special commands."""
    from ultralytics.cfg import MODES, TASKS

    return {*MODES, *TASKS, *SPECIAL}


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
