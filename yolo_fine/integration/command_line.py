# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics' own ``yolo`` command, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

OTHER_WORDS = ("checks", "cfg", "copy-cfg", "help", "hub", "login", "logout", "settings", "solutions", "version")


def known_words() -> set[str]:
    """Words that may begin a ``yolo`` command: modes, tasks, and a few more."""
    from ultralytics.cfg import MODES, TASKS

    return {*MODES, *TASKS, *OTHER_WORDS}


def run_stock_command(words: Sequence[str]) -> None:
    """Run ``yolo WORDS``, whatever this process was started with.

    Ultralytics keeps the words of the process in several modules (``ARGV``), mostly as one list object with
    ``sys.argv``. All of them hold ``words`` while the command runs.
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
