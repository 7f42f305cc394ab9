# SPDX-License-Identifier: AGPL-3.0-or-later
"""The boxes' mean distances as a product of matrices in ONNX files: the same numbers, and other operators."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ultralytics import YOLO
from ultralytics.nn.modules.block import DFL

from tests.fixtures.checkpoints import make_checkpoint
from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.export import export
from yolo_fine.integration.matmul_dfl import MatmulDFL, use_matmul_dfl

QUICK = {"imgsz": 64, "runs": 0, "simplify": False}


@pytest.mark.parametrize("bins", [2, 16])
@pytest.mark.parametrize("size", [1, 8400])
def test_it_is_the_mean_that_ultralytics_takes(bins: int, size: int) -> None:
    x = 4 * torch.randn(2, 4 * bins, size)
    torch.testing.assert_close(MatmulDFL(bins)(x), DFL(bins)(x), rtol=1e-5, atol=1e-5)


def test_large_values_do_not_overflow() -> None:
    x = torch.full((1, 64, 3), -6e4)
    x[:, 3::16] = 6e4
    for dtype in (torch.float32, torch.bfloat16):
        assert torch.equal(MatmulDFL(16).to(dtype)(x.to(dtype)), torch.full((1, 4, 3), 3.0, dtype=dtype))


def test_every_such_layer_of_a_model_is_replaced_and_others_have_none() -> None:
    detector = YOLO("yolo11n.yaml")
    assert use_matmul_dfl(detector) == 1
    assert not [layer for layer in detector.model.modules() if type(layer) is DFL]
    assert use_matmul_dfl(YOLO("yolo11n-cls.yaml")) == 0


@pytest.mark.parametrize("options", [{}, {"dynamic": True}, {"dynamic": True, "batch": 2, "nms": True}])
def test_a_file_with_it_is_proven_equal_and_has_no_softmax_over_bins(grid: Path, options: dict[str, bool]) -> None:
    softmax = {}
    for dfl in ("softmax", "matmul"):
        proof = export(grid, dfl=dfl, **QUICK, **options)
        assert proof.verdict == "equal", proof.to_text()
        softmax[dfl] = proof.operators.get("Softmax", 0)
    assert softmax["matmul"] == softmax["softmax"] - 1


def test_another_form_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="dfl"):
        export(make_checkpoint(tmp_path / "best.pt"), dfl="matmull")
    assert not list(tmp_path.glob("*.onnx"))
