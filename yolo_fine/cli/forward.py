# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine train|val|predict ...``: Ultralytics' own modes, with their inputs checked first."""

from __future__ import annotations

import os
from collections.abc import Sequence

from yolo_fine.cli.inputs import check_inputs, users_mistake
from yolo_fine.cli.verbs import MODEL_AND, VERBS
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.checkpoints import official_file
from yolo_fine.integration.commands import known_verbs, run_command
from yolo_fine.utils.hints import did_you_mean


def forward(words: Sequence[str]) -> int:
    """Hand a command to Ultralytics, after checking the inputs that it would stumble over late.

    Raises:
        ArgumentError: Ultralytics has no such verb, or says that the user made a mistake.
    """
    check_known(words[0])
    words = with_keys(words)
    check_inputs(words)
    if "train" in words and "YOLO_FINE_EVAL" not in os.environ:
        from yolo_fine.evaluation.small_ap import log_small_ap

        log_small_ap()
    try:
        run_command(words)
    except Exception as error:
        message = users_mistake(error)
        if message is None:
            raise
        raise ArgumentError(message) from error
    return 0


def check_known(word: str) -> None:
    """Check that a word is a verb.

    Raises:
        ArgumentError: It is one of neither this package nor Ultralytics.
    """
    known = {*VERBS, *known_verbs()}
    if word not in known and "=" not in word:
        raise ArgumentError(f"unknown verb '{word}'{did_you_mean(word, known)}; see 'yolo-fine help'")


def with_keys(words: Sequence[str]) -> list[str]:
    """``train my.yaml data.yaml`` as ``train model=my.yaml data=data.yaml``, as this package's own verbs take files.

    Words that name no file are left to Ultralytics: tasks, and flags such as ``show``.
    """
    given = {word.partition("=")[0] for word in words if "=" in word}
    takes = ("model", MODEL_AND[words[0]]) if words[0] in MODEL_AND else ()
    free = [key for key in takes if key not in given]
    found = [words[0]]
    for word in words[1:]:
        is_file = "=" not in word and ("." in word or os.path.lexists(word) or official_file(word) != word)
        found.append(f"{free.pop(0)}={word}" if is_file and free else word)
    return found
