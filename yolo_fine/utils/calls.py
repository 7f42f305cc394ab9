# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arguments of the functions that users call: checked against their annotations, for Python and the commands alike."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from yolo_fine.errors import ArgumentError, BlockArgumentError
from yolo_fine.utils.arguments import convert
from yolo_fine.utils.files import check_target
from yolo_fine.utils.hints import did_you_mean

Function = TypeVar("Function", bound=Callable[..., Any])


def public(function: Function) -> Function:
    """Make a function check and convert its arguments before it runs.

    A value that does not fit its annotation, an unknown argument and a missing one are an ``ArgumentError`` that names
    the argument, the value and the nearest right thing. Numbers and lists may be given as text, as on a command line.
    A ``json`` file that can't be written is said now, and not after an hour of work.
    """

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        values = bind_call(function, args, kwargs)
        if values.get("json") is not None:
            check_target("json", Path(values["json"]))
        return function(**values)

    checked.is_checked = True  # type: ignore[attr-defined]
    return checked  # type: ignore[return-value]


def bind_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a call by name, as the function's annotations ask.

    Raises:
        ArgumentError: There are too many, one is unknown, given twice or missing, or a value does not fit.
    """
    parameters = parameters_of(function)
    takes_more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())
    positional = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    name = function.__name__
    if len(args) > len(positional):
        by_position = f"takes {' and '.join(positional) or 'nothing'} by position"
        raise ArgumentError(f"{name}() {by_position}, got {args[len(positional)]!r:.80} too; name it, as key=value")
    values = dict(zip(positional, args, strict=False))
    for key, value in kwargs.items():
        if key in values:
            raise ArgumentError(f"argument '{key}' is given twice: {values[key]!r:.80} and {value!r:.80}")
        if key not in parameters and not takes_more:
            raise ArgumentError(
                f"unknown argument '{key}'{did_you_mean(key, parameters)}; it has {', '.join(parameters)}"
            )
        values[key] = value
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in values]
    if missing:
        raise ArgumentError(f"{' and '.join(missing)} must be given, as {' '.join(f'{key}=...' for key in missing)}")
    try:
        return {
            key: convert(f"argument '{key}'", value, parameters[key].annotation) if key in parameters else value
            for key, value in values.items()
        }
    except BlockArgumentError as error:
        raise ArgumentError(str(error)) from None


@cache
def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """A function's named parameters, with their annotations as types."""
    parameters = inspect.signature(function, eval_str=True).parameters
    return {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
