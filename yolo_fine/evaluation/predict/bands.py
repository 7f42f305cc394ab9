# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a model takes the images of a dataset: both have a number of bands."""

from __future__ import annotations

from typing import Any

from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.models import input_bands


def check_bands(model: Any, truth: GroundTruth) -> None:
    """Compare the bands of a model's input with those of the images; some models don't say theirs.

    Raises:
        DataError: They differ.
    """
    taken = input_bands(model)
    if taken not in (None, truth.channels):
        raise DataError(
            f"the model takes images of {_number(taken)}, and those of the dataset are read with "
            f"{_number(truth.channels)} (channels: in the data YAML)"
        )


def _number(bands: int | None) -> str:
    return "1 band" if bands == 1 else f"{bands} bands"
