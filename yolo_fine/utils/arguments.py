# SPDX-License-Identifier: AGPL-3.0-or-later
"""Typed arguments of YAML rows: values as YAML gives them, checked against a constructor's annotations.

YAML has no ``None`` and leaves some numbers as text (``1e-3``), so a string is read as a Python literal unless the
argument accepts that string itself. A string that is neither (``Ture``) is an error, never a truthy value.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from yolo_fine.errors import BlockArgumentError
from yolo_fine.utils.constraints import Constraint
from yolo_fine.utils.paths import LoadedModel


def bind_arguments(name: str, parameters: Sequence[inspect.Parameter], args: Sequence[Any]) -> dict[str, Any]:
    """Turn positional values, and keywords in a trailing mapping, into checked keyword arguments.

    Args:
        name: Name of the block, for messages.
        parameters: The accepted parameters, in order, with resolved annotations.
        args: Values as YAML gives them; the last one may be a mapping from names to values.

    Raises:
        BlockArgumentError: Wrong number, name, type or value.
    """
    positional, keywords = list(args), {}
    if positional and isinstance(positional[-1], Mapping):
        keywords = dict(positional.pop())
    if len(positional) > len(parameters):
        raise BlockArgumentError(f"{name} takes at most {len(parameters)} arguments, got {len(positional)}")
    known = {parameter.name: parameter for parameter in parameters}
    values = {parameter.name: value for parameter, value in zip(parameters, positional, strict=False)}
    for key, value in keywords.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(known) or 'none'}"
            raise BlockArgumentError(f"{name} has no argument '{key}'{hint}")
        if key in values:
            raise BlockArgumentError(f"{name} argument '{key}' is given twice")
        values[key] = value
    missing = [key for key, parameter in known.items() if parameter.default is parameter.empty and key not in values]
    if missing:
        raise BlockArgumentError(f"{name} needs the argument{'s' * (len(missing) > 1)} {', '.join(missing)}")
    return {key: convert(f"{name} argument '{key}'", value, known[key].annotation) for key, value in values.items()}


def convert(label: str, value: Any, annotation: Any) -> Any:
    """Return ``value`` as ``annotation`` asks, reading text as a Python literal where that fits.

    Raises:
        BlockArgumentError: The value does not fit; the message begins with ``label`` and names type and value.
    """
    readings = [value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError, SyntaxError):
            readings.append(ast.literal_eval(value))
    elif isinstance(value, list):
        readings.append(tuple(value))
    for reading in readings:
        if matches(reading, annotation):
            return reading
    raise refusal(label, value, annotation)


def refusal(label: str, value: Any, annotation: Any) -> BlockArgumentError:
    """The error for a value that does not fit its annotation."""
    near = difflib.get_close_matches(str(value), _spellings(annotation), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return BlockArgumentError(f"{label} must be {type_name(annotation, with_constraints=True)}, got {value!r}{hint}")


def matches(value: Any, annotation: Any) -> bool:
    """Whether ``value`` is of the annotated type and within its constraints. A bool is no int; an int is a float."""
    if annotation is Any or annotation is inspect.Parameter.empty:
        return True
    if annotation is None or annotation is type(None):
        return value is None
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return matches(value, inner[0]) and all(one.holds(value) for one in constraints(annotation))
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, option) for option in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(inner) == 2 and inner[1] is Ellipsis:
            return all(matches(item, inner[0]) for item in value)
        return len(value) == len(inner) and all(map(matches, value, inner))
    if origin is list:
        return isinstance(value, list) and all(matches(item, inner[0]) for item in value)
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or annotation)


def constraints(annotation: Any) -> list[Constraint]:
    """The constraints of an annotation, also of one that allows None too."""
    if typing.get_origin(annotation) is Annotated:
        return [one for one in annotation.__metadata__ if isinstance(one, Constraint)]
    return [one for option in typing.get_args(annotation) for one in constraints(option)]


def allows(value: Any, annotation: Any) -> bool:
    """Whether a call in Python may pass ``value``: a plain type is a hint there, but constraints and choices hold."""
    has_choices = any(typing.get_origin(option) is Literal for option in (annotation, *typing.get_args(annotation)))
    is_plain = not has_choices and not constraints(annotation)
    return is_plain or matches(tuple(value) if isinstance(value, list) else value, annotation)


def type_name(annotation: Any, with_constraints: bool = False) -> str:
    """The annotation as a reader would write it: ``int or None``, ``'linear' or 'softmax'``; or what it accepts."""
    if annotation is Any or annotation is inspect.Parameter.empty:
        return "any value"
    if annotation is None or annotation is type(None):
        return "None"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        words = [one.accepted for one in constraints(annotation)] if with_constraints else []
        return " and ".join(words) or type_name(inner[0], with_constraints)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(option, with_constraints) for option in inner)
    if origin is os.PathLike:
        return "path"
    if origin is not None:
        return str(annotation).replace("typing.", "")
    if annotation is LoadedModel:
        return "YOLO"
    return str(getattr(annotation, "__name__", annotation))


def _spellings(annotation: Any) -> list[str]:
    """Texts that a mistyped value may have meant."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return [str(choice) for choice in inner]
    if origin in (typing.Union, types.UnionType):
        return [spelling for option in inner for spelling in _spellings(option)]
    if annotation is bool:
        return ["True", "False"]
    return ["None"] if annotation is type(None) else []
