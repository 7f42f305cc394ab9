# SPDX-License-Identifier: AGPL-3.0-or-later
"""Help on the command and its verbs, made from annotations and docstrings."""

from __future__ import annotations

import inspect
from textwrap import fill

import docstring_parser

from yolo_fine._version import __version__
from yolo_fine.cli.verbs import VERBS, Verb
from yolo_fine.utils.arguments import type_name
from yolo_fine.utils.calls import parameters_of

WIDTH = 100
FORWARDED = "train|val|predict|track"
EXIT_CODES = "Exit codes: 0 done, 1 checked and failed, 2 can't be done as asked."


def general_help() -> str:
    """The verbs, a line each."""
    lines = [f"  {name:<14}  {verb.purpose}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            f"yolo-fine {__version__}: small-object blocks for stock Ultralytics YOLO",
            "",
            "  yolo-fine VERB key=value ...          yolo-fine VERB --help",
            "",
            *lines,
            f"  {FORWARDED:<14}",
            f"  {'':<14}  Ultralytics' modes, same arguments as `yolo`, with inputs checked first",
            "",
            "Stock `yolo` understands the same model YAMLs: yolo train model=yolo11n-fine.yaml data=VisDrone.yaml",
        ]
    )


def verb_help(name: str, verb: Verb) -> str:
    """What a verb does, its arguments with type, default and meaning, examples, exit codes."""
    function = verb.load()
    documentation = docstring_parser.parse(inspect.getdoc(function) or "")
    meanings = {entry.arg_name: " ".join((entry.description or "").split()) for entry in documentation.params}
    lines = [f"yolo-fine {name}: {verb.purpose}", ""]
    for paragraph in (documentation.short_description, documentation.long_description):
        lines += [*_paragraphs(paragraph or ""), ""] if paragraph else []
    lines.append("Arguments" + (f" (a word without a key is {verb.bare}):" if verb.bare else ":"))
    for key, parameter in parameters_of(function).items():
        default = "must be given" if parameter.default is parameter.empty else f"default {parameter.default}"
        lines.append(f"  {key}  ({type_name(parameter.annotation)}; {default})")
        lines.append(fill(_plain(meanings.get(key, "")), WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6))
    lines += ["", "Examples:", *(f"  {example}" for example in verb.examples), "", EXIT_CODES]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    return [fill(_plain(" ".join(part.split())), WIDTH) for part in text.split("\n\n")]


def _plain(text: str) -> str:
    """Text without reStructuredText's marks."""
    return text.replace("``", "'")
