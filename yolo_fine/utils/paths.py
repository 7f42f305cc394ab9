# SPDX-License-Identifier: AGPL-3.0-or-later
"""Types of the arguments that name a file or a model."""

from __future__ import annotations

import os
from typing import Any, Protocol, TypeAlias, runtime_checkable

StrPath: TypeAlias = str | os.PathLike[str]


@runtime_checkable
class LoadedModel(Protocol):
    """An ``ultralytics.YOLO``: anything that holds its network in ``model``."""

    model: Any


ModelSource: TypeAlias = StrPath | LoadedModel
