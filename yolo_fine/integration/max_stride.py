# SPDX-License-Identifier: AGPL-3.0-or-later
"""What image sides have to be multiples of, where a head doesn't read the coarsest map of its network.

Ultralytics takes the stride of the head's coarsest level for it: when an export checks its size and writes its
metadata, when an image is padded for that file, and when test-time augmentation scales images. A head that reads P2 to
P4 above a backbone that reaches P5 says 16, and the maps of a 640 x 368 image then don't fit each other (23 rows at P4,
twice 12 from P5). The key ``max_stride: 32`` at the top of a model YAML, which `compose` writes where levels are
dropped, adds that stride to the model's own list; the head keeps its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from yolo_fine.errors import ModelYamlError

KEY = "max_stride"
LARGEST = 128


def read_max_stride(model: dict[str, Any] | None, file: str) -> int | None:
    """The value of ``max_stride:`` in a model YAML, or None if it is not there.

    Raises:
        ModelYamlError: It is no power of two up to 128.
    """
    value = (model or {}).get(KEY)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= LARGEST or value & (value - 1):
        raise ModelYamlError(f"{file}: {KEY} must be a power of two up to {LARGEST} (pixels), got {value!r:.40}")
    return value


def wrap_init(stock: Callable[..., None]) -> Callable[..., None]:
    """``DetectionModel.__init__``: stock, plus the stride that the YAML names."""

    @functools.wraps(stock)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs)
        named = read_max_stride(self.yaml, str(self.yaml.get("yaml_file", "model YAML")))
        if named is not None and named > self.stride.max():
            self.stride = self.stride.new_tensor([*self.stride.tolist(), named])

    return __init__
