# SPDX-License-Identifier: AGPL-3.0-or-later
"""``scripts/export_onnx.py`` on outputs and sizes that the two sample images don't have."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "export_onnx.py"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_onnx_recipe", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session_of(output: np.ndarray, **notes: str) -> SimpleNamespace:
    """What onnxruntime would be, for a file with this output."""
    metadata = {"imgsz": "[64, 96]", "names": "{0: 'red', 1: 'white'}", "args": "{'nms': False}", **notes}
    return SimpleNamespace(
        get_inputs=lambda: [SimpleNamespace(name="images", type="tensor(float)")],
        get_modelmeta=lambda: SimpleNamespace(custom_metadata_map=metadata),
        run=lambda *_: [output],
    )


def test_the_border_of_an_odd_image_is_the_border_of_its_boxes(recipe: ModuleType):
    image = np.zeros((47, 61, 3), np.uint8)
    _, _, left, top = recipe.letterbox(image, 64, 96)
    wide, tall = round(61 * 64 / 47), 64
    cells = np.array([[left + wide / 2 - 1, top + tall / 2, wide - 2, tall, 0.1, 0.9]], np.float32)
    (found,) = recipe.detect(session_of(cells[:, :, None]), image)  # without its last two columns: not clipped
    np.testing.assert_allclose(found, [0, 0, 61 - 2 * 61 / wide, 47, 0.9, 1], atol=1e-5)


def test_masks_and_keypoints_are_no_scores(recipe: ModuleType):
    image = np.zeros((64, 96, 3), np.uint8)
    cells = np.array([[30, 30, 10, 10, 0.6, 0.1, 55.0, 41.0, 0.99]], np.float32)
    (found,) = recipe.detect(session_of(cells[:, :, None]), image)
    np.testing.assert_allclose(found, [25, 25, 35, 35, 0.6, 0], atol=1e-5)
    rows = np.array([[[25, 25, 35, 35, 0.6, 0, 55.0, 41.0, 0.99]]], np.float32)
    assert recipe.detect(session_of(rows, end2end="True"), image).shape == (1, 6)
