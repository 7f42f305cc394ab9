# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parity with tensors that the authors' own code produced, for every golden file of the folder.

Another folder is named by the environment variable YOLO_FINE_GOLDEN.
"""

from __future__ import annotations

import pytest

from tests.blocks import golden


def test_there_are_golden_files() -> None:
    assert golden.golden_names(), f"no golden files in {golden.FOLDER}"


@pytest.mark.parametrize("name", golden.golden_names())
def test_parity(name: str, record_property: pytest.Function) -> None:
    errors = golden.errors(name)
    if errors is None:
        pytest.skip("no such block yet")
    for key, error in errors.items():
        record_property(key, error)
    too_large = {key: error for key, error in errors.items() if not error <= golden.LIMITS[key.split(".")[0]]}
    assert not too_large
