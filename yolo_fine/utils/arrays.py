# SPDX-License-Identifier: AGPL-3.0-or-later
"""The type of a NumPy array whose dtype and shape the docstring states."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
