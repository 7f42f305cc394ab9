# SPDX-License-Identifier: AGPL-3.0-or-later
"""Help on the command, its verbs and the scripts, made from annotations and docstrings."""

from __future__ import annotations

import inspect
import os
import re
import types
import typing
from collections.abc import Callable, Sequence
from importlib.metadata import version
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import docstring_parser

from yolo_fine._version import __version__
from yolo_fine.cli.verbs import FORWARDED, MODEL_AND, VERBS, Verb
from yolo_fine.utils.arguments import type_name
from yolo_fine.utils.calls import parameters_of
from yolo_fine.utils.console import width
from yolo_fine.utils.paths import LoadedModel, StrPath
from yolo_fine.utils.plain import plain

if TYPE_CHECKING:
    from rich.text import Text

WIDTH = 100
HELP = ("help", "--help", "-h")
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
            f"  {'|'.join(FORWARDED)}",
            f"  {'':<14}  Ultralytics' modes, same arguments as `yolo`, with inputs checked first",
            "",
            "Stock `yolo` understands the same model YAMLs: yolo train model=yolo11n-fine.yaml data=VisDrone.yaml",
        ]
    )


def verb_help(name: str, verb: Verb) -> str:
    """What a verb does, its arguments with type, default and meaning, examples, exit codes."""
    return call_help(f"yolo-fine {name}: {verb.purpose}", verb.load(), verb.bare, verb.examples)


def call_help(title: str, function: Callable[..., Any], bare: str | None, examples: Sequence[str]) -> str:
    """The same of any function that the words of a command line call.

    Args:
        title: The first line.
        function: Its annotations and docstring say the rest.
        bare: Arguments that may be given without their key, in their order, with blanks between.
        examples: Commands as a user types them.
    """
    documentation = docstring_parser.parse(inspect.getdoc(function) or "")
    meanings = {entry.arg_name: " ".join((entry.description or "").split()) for entry in documentation.params}
    lines = [title, ""]
    for paragraph in (documentation.short_description, documentation.long_description):
        lines += [*_paragraphs(paragraph or ""), ""] if paragraph else []
    words = (bare or "").split()
    said = {0: "", 1: f" (a word without a key is {bare})"}
    lines.append(
        f"Arguments{said.get(len(words), f' (words without a key are {chr(32).join(words)}, in this order)')}:"
    )
    for key, parameter in parameters_of(function).items():
        lines.append(f"  {key}  ({shown_type(parameter.annotation)}; {shown_default(parameter)})")
        lines.append(_indented(meanings.get(key, "")))
    lines += ["", "Examples:", *(f"  {example}" for example in examples), "", EXIT_CODES]
    return "\n".join(lines)


def forwarded_help(mode: str) -> str:
    """Help on one of Ultralytics' modes: what is checked first, and the arguments of the installed release."""
    from yolo_fine.integration.commands import mode_arguments

    needs = VERBS[mode].needs if mode in VERBS else None
    lines = [f"yolo-fine {mode}{f' without {needs}=' if needs else ''}: {FORWARDED[mode][0]}", ""]
    lines += _paragraphs(
        "The same as Ultralytics' `yolo`, with our blocks known and the inputs checked before a run folder is made: "
        "damaged or missing weights, a dataset without labels. All arguments are Ultralytics' own; these are those of "
        f"the installed release, {version('ultralytics')}. model and {MODEL_AND[mode]} may be given in this order "
        "without their keys."
    )
    lines += ["", "Arguments:"]
    for argument in mode_arguments():
        default = f"default {argument.default}" if argument.default else "optional"
        lines.append(f"  {argument.key}  ({argument.type}; {default})")
        lines.append(_indented(argument.meaning))
    lines += ["", "Examples:", *(f"  {example}" for example in FORWARDED[mode][1]), "", EXIT_CODES]
    return "\n".join(lines)


def styled(text: str) -> Text:
    """A help as a terminal shows it: titles, arguments and commands stand out."""
    from rich.text import Text

    shown = Text(text)
    shown.highlight_regex(r"(?m)^\S[^\n]*:$", "bold")
    shown.highlight_regex(r"\Ayolo-fine [^:\n]+", "bold")
    shown.highlight_regex(r"(?m)^  [a-z_0-9]+(?=  \()", "cyan")
    shown.highlight_regex(r"(?m)^  [a-z|]+( [a-z]+)?(?=  +\S)", "cyan")
    shown.highlight_regex(r"(?m)^  (yolo-fine|yolo|python) [^\n]+", "green")
    shown.highlight_regex(r"(?m)(?<=  )\([^\n]+\)$", "dim")
    return shown


def shown_type(annotation: Any) -> str:
    """An annotation as someone who types words needs it: ``path``, ``number``, ``coco, visdrone or all``."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        accepted = type_name(annotation, with_constraints=True)
        return shown_type(inner[0]) if accepted == type_name(inner[0]) else accepted
    if origin in (typing.Union, types.UnionType):
        options = [one for one in inner if one not in (type(None), LoadedModel)]
        if set(typing.get_args(StrPath)) <= set(options):
            options = [one for one in options if one not in typing.get_args(StrPath)] + [os.PathLike]
        names = list(dict.fromkeys(shown_type(one) for one in options))
        return " or ".join(names)
    if origin is Literal:
        choices = [str(choice) for choice in inner]
        return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
    if origin is os.PathLike or annotation is os.PathLike or getattr(annotation, "__name__", "") == "Path":
        return "path"
    if origin in (list, tuple):
        return f"several {shown_type(inner[0])}"
    plain: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "True or False"}
    return plain.get(annotation) or type_name(annotation)


def shown_default(parameter: inspect.Parameter) -> str:
    """``must be given``, ``optional`` or ``default 640``."""
    if parameter.default is parameter.empty:
        return "must be given"
    return "optional" if parameter.default is None else f"default {parameter.default}"


def _indented(text: str) -> str:
    indent = " " * 6
    return fill(plain(text), min(WIDTH, width()), initial_indent=indent, subsequent_indent=indent)


def _paragraphs(text: str) -> list[str]:
    """Paragraphs in lines; list items and indented lines stay as they are."""
    return [
        part if re.search(r"^\s+\S|^[*=-]", part, re.MULTILINE) else fill(" ".join(part.split()), min(WIDTH, width()))
        for part in plain(text).split("\n\n")
    ]
