# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model YAML read as the stock commands read it, or one message that says why it can't be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from yolo_fine.errors import ArgumentError, ModelYamlError, YoloFineError
from yolo_fine.integration.model_files import locate_model_file

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_BYTES = 1_000_000
MOST_DEPTH = 50  # the C loader of PyYAML ends the process at some thousand, from 6.0.4 on with an error at 1,000
MOST_NODES = 100_000  # with aliases written out
MOST_NUMBER = 10**100  # Python refuses to print numbers of more than 4,300 digits


def read_model(name: str) -> tuple[str, dict[str, Any]]:
    """A model YAML's text, and the dictionary that the stock parser would get, with the scale that ``name`` asks for.

    Raises:
        ArgumentError: It is a web address.
        MissingFileError: There is no such file.
        ModelYamlError: The file is no YAML of a model.
    """
    from ultralytics.nn import tasks

    if "://" in name:
        raise ArgumentError(f"'{name}' is a web address; give a file")
    try:
        file = locate_model_file(name)
    except YoloFineError:
        raise
    except Exception as error:  # several files of that name, or a name that no file can have
        raise ModelYamlError(f"'{name}' can't be looked for: {error}") from error
    text = read_text(file)
    try:
        model = tasks.yaml_model_load(name)
    except YoloFineError:
        raise
    except Exception as error:  # YAML has its own errors for syntax, and Python's for values like '!!int x'
        said = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
        raise ModelYamlError(f"{file} is not a readable YAML file, or holds no keys ({said})") from error
    check_extent(model, file)
    return text, model


def read_text(file: Path) -> str:
    """The text of a YAML file; bytes that are not UTF-8 show as U+FFFD (Ultralytics leaves them out).

    Raises:
        ModelYamlError: The file is too large, nested too deeply, or no YAML by its syntax.
    """
    if not file.is_file():
        raise ModelYamlError(f"{file} is not a readable YAML file: it is no file")
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ModelYamlError(f"{file} is no model YAML: it has more than {MOST_BYTES:,} bytes")
        text = file.read_bytes().decode("utf-8", errors="replace")
        try:
            too_deep = is_nested_too_deeply(text, LOADER)
        except yaml.MarkedYAMLError:  # maybe the C loader's own limit of depth: ours comes first
            if not is_nested_too_deeply(text, yaml.SafeLoader):
                raise
            too_deep = True
        if too_deep:
            raise ModelYamlError(f"{file} is no model YAML: it is nested more than {MOST_DEPTH} levels deep")
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        tab = "; indent with spaces, not with tabs" if mark and "\t" in text[mark.index : mark.index + 1] else ""
        raise ModelYamlError(f"{file} is not a readable YAML file: {where}{error.problem}{tab}") from error
    except (OSError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise ModelYamlError(f"{file} is not a readable YAML file: {said}") from error
    return text


def is_nested_too_deeply(text: str, loader: Any) -> bool:
    """Whether a YAML text is nested more than ``MOST_DEPTH`` levels deep; it is read no further than that."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            return True
    return False


def check_extent(model: Any, file: Path) -> None:
    """Raise :class:`ModelYamlError` for what can't be shown or walked through: endless aliases, giant numbers."""
    waiting: list[tuple[Any, int]] = [(model, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES or depth > MOST_DEPTH:
            raise ModelYamlError(f"{file} is no model YAML: its aliases (*name) repeat or contain each other")
        if isinstance(value, int) and abs(value) > MOST_NUMBER:
            raise ModelYamlError(f"{file} is no model YAML: it holds a number of more than 100 digits")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, (list, tuple, set)):
            waiting += [(item, depth + 1) for item in value]
