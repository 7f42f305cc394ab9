# SPDX-License-Identifier: AGPL-3.0-or-later
"""The optional packages: what each extra of this package is for, whether it is installed, and how to add it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass

NAME = "yolo-fine"
PURPOSES = {
    "all": "the demo with everything: export, timm and sliced together",
    "export": "ONNX files and their proof",
    "openvino": "OpenVINO files and their proof, int8 too",
    "timm": "timm backbones in model YAMLs",
    "sliced": "prediction and evaluation on slices, by SAHI",
    "ray": "ablations on a Ray cluster",
    "dev": "tests and checks of this package",
    "docs": "these docs as a site: make docs",
    "release": "checks of what a release would publish",
}


@dataclass(frozen=True)
class Extra:
    """One extra.

    Attributes:
        name: As in ``yolo-fine[NAME]``.
        purpose: What it is for.
        missing: Its packages that are not installed.
        command: What adds it; where this package is installed from its sources, it is run in their folder.
    """

    name: str
    purpose: str
    missing: tuple[str, ...]
    command: str


def find_extras() -> list[Extra]:
    """All extras, as the installed package declares them."""
    try:
        about = importlib.metadata.metadata(NAME)
    except importlib.metadata.PackageNotFoundError:
        return []
    declared = importlib.metadata.requires(NAME) or []
    return [
        Extra(name, PURPOSES.get(name, ""), _missing(name, declared), f'pip install "{NAME}[{name}]"')
        for name in sorted(about.get_all("Provides-Extra") or [], key=lambda name: (name == "dev", name != "all", name))
    ]


def _missing(extra: str, declared: list[str]) -> tuple[str, ...]:
    """Packages of an extra that are not here; those of extras that it contains count too."""
    found: list[str] = []
    for requirement in declared:
        marker = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        if marker is None or marker[1] != extra:
            continue
        inner = re.match(rf"{NAME}\[([^\]]+)\]", requirement)
        if inner:
            found += [name for part in inner[1].split(",") for name in _missing(part.strip(), declared)]
            continue
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        if not is_here(name):
            found.append(name)
    return tuple(dict.fromkeys(found))


def is_here(name: str) -> bool:
    """Whether a package is here, or another one that brings its module (``onnxruntime-gpu`` for ``onnxruntime``)."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(name.replace("-", "_")) is not None
    return True
