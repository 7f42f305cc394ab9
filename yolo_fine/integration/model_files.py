# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packaged model and dataset YAMLs, found by bare name from any folder.

``yolo11n-fine.yaml`` is the packaged ``cfg/models/11/yolo11-fine.yaml`` at scale n. A user's file of that name wins.
Stock Ultralytics removes the scale letter from the first digit-letter pair of the *whole path*, so that
``run2new/yolo11n-mine.yaml`` is looked for as ``run2ew/yolo11n-mine.yaml``; here only the file's name is considered.
"""

from __future__ import annotations

import difflib
import functools
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from yolo_fine.errors import MissingFileError
from yolo_fine.integration.model_names import read_name, with_scale
from yolo_fine.integration.versions import stock_folder

_current = threading.local()  # .file: what yaml_model_load has found, for the check_yaml call inside it


@lru_cache(maxsize=1)
def cfg_folder() -> Path:
    """Folder of the packaged YAMLs: inside the package when installed, beside it in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "cfg"
    return installed if installed.is_dir() else package.parent / "cfg"


@lru_cache(maxsize=2)
def packaged_files(kind: str) -> dict[str, Path]:
    """Packaged YAMLs by file name. ``kind`` is ``"models"`` or ``"datasets"``."""
    return {file.name: file for file in sorted((cfg_folder() / kind).rglob("*.yaml"))}


@lru_cache(maxsize=2)
def known_files(kind: str) -> tuple[str, ...]:
    """File names of packaged YAMLs and of those that Ultralytics ships. ``kind`` is ``"models"`` or ``"datasets"``."""
    stock = stock_folder() / "cfg" / kind
    return (*packaged_files(kind), *(file.name for file in sorted(stock.rglob("*.yaml"))))


def find_model_file(path: str | Path) -> Path | None:
    """The file that stock Ultralytics would miss: the user's own beside ``path``, or the packaged one.

    Returns:
        None where stock finds the file itself, or where nobody does.
    """
    path = Path(path)
    if path.exists():
        return None
    sibling = Path(with_scale(str(path), ""))
    if sibling.is_file():
        return sibling
    return packaged_files("models").get(sibling.name) if path.parent == Path(".") else None


def locate_model_file(name: str) -> Path:
    """The file behind a model's name, as ``yolo train model=NAME`` would find it.

    Raises:
        MissingFileError: There is none; the message names the nearest packaged one.
    """
    found = find_model_file(name)
    if found is not None:
        return found
    from ultralytics.utils.checks import check_yaml

    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise MissingFileError(f"'{name}' is no model YAML: their names end in .yaml{nearest_model(f'{name}.yaml')}")
    for candidate in (path, Path(with_scale(str(path), ""))):
        file = check_yaml(str(candidate), hard=False)
        if file:
            return Path(file)
    raise MissingFileError(f"'{name}' does not exist{nearest_model(name)}")


def find_dataset_file(file: str | Path) -> Path | None:
    """The packaged dataset YAML of that bare name (with or without ``.yaml``), unless the user has such a file."""
    path = Path(str(file).strip())
    if path.parent != Path(".") or path.exists():
        return None
    return packaged_files("datasets").get(path.name)


def wrap_yaml_model_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.yaml_model_load``: find the file first, then let stock read it."""

    @functools.wraps(stock)
    def yaml_model_load(path: str | Path, *args: Any, **kwargs: Any) -> Any:
        _current.file = find_model_file(path)
        try:
            return stock(path, *args, **kwargs)
        except FileNotFoundError as error:
            raise MissingFileError(f"'{path}' does not exist{nearest_model(path)}") from error
        finally:
            _current.file = None

    return yaml_model_load


def nearest_model(path: str | Path) -> str:
    """A hint at the model YAML that was meant, of those packaged or shipped, with the scale letter as typed."""
    name = Path(path).name
    by_stem = {Path(file).stem: file for file in known_files("models")}  # ".yaml" alone makes names alike
    near = difflib.get_close_matches(Path(with_scale(name, "")).stem, by_stem, n=1)
    parts = read_name(name)
    return f"; did you mean {with_scale(by_stem[near[0]], parts.scale if parts else '')}?" if near else ""


def wrap_check_yaml(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.check_yaml``: inside ``yaml_model_load``, the file that was found there."""

    @functools.wraps(stock)
    def check_yaml(file: str | Path, *args: Any, **kwargs: Any) -> Any:
        found = getattr(_current, "file", None)
        return str(found) if found else stock(file, *args, **kwargs)

    return check_yaml


def wrap_check_file(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``data.utils.check_file``: packaged datasets by bare name."""

    @functools.wraps(stock)
    def check_file(file: str | Path, *args: Any, **kwargs: Any) -> Any:
        found = find_dataset_file(file)
        if found:
            return str(found)
        try:
            return stock(file, *args, **kwargs)
        except FileNotFoundError as error:
            near = difflib.get_close_matches(Path(str(file)).name, known_files("datasets"), n=1)
            if not near:
                raise
            raise MissingFileError(f"'{file}' does not exist; did you mean {near[0]}?") from error

    return check_file
