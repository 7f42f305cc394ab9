# SPDX-License-Identifier: AGPL-3.0-or-later
"""Releases of Ultralytics: the installed one, those known to work, and what to say when an assumption fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from yolo_fine.errors import UpstreamError

KNOWN_VERSIONS = ("8.3.0", "8.3.100", "8.3.253", "8.4.0", "8.4.100", "8.4.190")


@dataclass(frozen=True)
class Assumption:
    """A statement about Ultralytics, and a function that raises if it does not hold."""

    statement: str
    check: Callable[[], None]


def upstream_message(assumption: str) -> str:
    """One message for a broken assumption: what was assumed, the version seen, the versions known to work."""
    try:
        from ultralytics import __version__ as seen
    except Exception:  # a half-imported Ultralytics
        seen = "of unknown version"
    return (
        f"yolo_fine assumes that {assumption}; Ultralytics {seen} is different. Known to work: "
        f"{', '.join(KNOWN_VERSIONS)} (pip install ultralytics=={KNOWN_VERSIONS[-1]}). Stock YAMLs are not affected."
    )


def installed() -> tuple[str, Path]:
    """Version and folder of the installed Ultralytics."""
    import ultralytics

    return ultralytics.__version__, Path(ultralytics.__file__).parent


def stock_folder() -> Path:
    """Folder of the installed Ultralytics, found without importing it.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'ultralytics'", name="ultralytics")
    return Path(spec.origin).parent


def installed_version() -> tuple[int, ...]:
    """Version of the installed Ultralytics, as numbers."""
    from ultralytics import __version__ as seen

    return tuple(int(part) for part in re.findall(r"\d+", seen)[:3])


def require(holds: bool, assumption: str) -> None:
    """Raise :class:`UpstreamError` with the full message unless the assumption holds."""
    if not holds:
        raise UpstreamError(upstream_message(assumption))
