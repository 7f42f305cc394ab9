# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ``yolo-fine`` command: ``yolo-fine VERB key=value ...``, in the grammar of Ultralytics' own ``yolo``.

Verbs of this package stand in :data:`.verbs.VERBS`; every other verb is handed to Ultralytics with the integration
armed. Returns 0 (done), 1 (checked and failed) or 2 (can't be done as asked); a user's mistake ends in one message.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from yolo_fine._version import __version__
from yolo_fine.cli.help import HELP, forwarded_help, general_help, styled, verb_help
from yolo_fine.cli.verbs import FORWARDED, VERBS, Verb
from yolo_fine.cli.words import call
from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.utils.console import show, show_error, show_styled
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.libraries import missing_library


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. ``argv`` are the words behind ``yolo-fine``; by default those of this process."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = run(words)
        sys.stdout.flush()
        return code
    except YoloFineError as error:
        show_error(f"yolo-fine: {error}")
        return error.exit_code
    except ImportError as error:
        advice = missing_library(error)
        if advice is None:
            raise
        show_error(f"yolo-fine: {advice}")
        return 2
    except BrokenPipeError:  # the reader has seen enough: yolo-fine blocks | head
        close_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        close_output()
        show_error("yolo-fine: the output can't be written: the disk is full")
        return 2
    except KeyboardInterrupt:
        show_error("yolo-fine: stopped")
        return 130


def run(words: list[str]) -> int:
    """Run one command, or show its help.

    Raises:
        YoloFineError: It can't be done as asked.
    """
    asks_for_help = not words or any(word in HELP for word in words)
    rest = [word for word in words if word not in HELP]
    if asks_for_help and not rest:
        show_styled(general_help(), styled)
        return 0
    if rest[0] in ("version", "--version"):
        print(__version__)
        return 0
    name, verb, rest = find_verb(rest)
    is_ours = verb is not None and (not verb.needs or any(word.startswith(f"{verb.needs}=") for word in rest))
    if verb is None or not (is_ours or asks_for_help):
        if asks_for_help and name in FORWARDED:
            show_styled(forwarded_help(name), styled)
            return 0
        from yolo_fine.cli.forward import check_known, forward

        if not asks_for_help:
            return forward(words)
        check_known(name)
        return forward(["help"])
    if asks_for_help:
        more = f"\n\n\n{forwarded_help(name)}" if name in FORWARDED else ""  # without what the verb needs
        show_styled(verb_help(name, verb) + more, styled)
        return 0
    result = call(verb.load(), rest, verb.bare)
    show(*result.show())
    return 0 if result.passed else 1


def find_verb(words: list[str]) -> tuple[str, Verb | None, list[str]]:
    """The verb that words begin with, which may be two words, and the words behind it; None for one of Ultralytics.

    Raises:
        ArgumentError: The first word begins a verb of two words, and the second one is missing or unknown.
    """
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in VERBS:
            return name, VERBS[name], words[length:]
    choices = [name.split()[1] for name in VERBS if name.startswith(f"{words[0]} ")]
    if choices:
        found = f"'{words[1]}' is not understood{did_you_mean(words[1], choices)}" if len(words) > 1 else "what?"
        raise ArgumentError(f"yolo-fine {words[0]}: {found}; say yolo-fine {words[0]} {'|'.join(choices)}")
    return words[0], None, words


def close_output() -> None:
    """Let nothing more be written to an output that takes no more; Python would try once more at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
