# SPDX-License-Identifier: AGPL-3.0-or-later
"""Wrong files that a lax comparison would pass, and right ones that a strict one would not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from yolo_fine.errors import CheckpointError
from yolo_fine.exporter.proof.boxes import MOST, agree, final_boxes
from yolo_fine.exporter.proof.compare import compare
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.runtimes import Runtime
from yolo_fine.integration.export_reference import Layout, Reference, layout_of

CLASSES, CELLS, WEAK = 8, 1000, 12


def compared(expected: np.ndarray, got: np.ndarray, precision: str = "fp32", layout: Layout = "grid") -> dict:
    """What the comparison says of made-up outputs."""
    names = {index: str(index) for index in range(CLASSES)}
    reference = Reference(lambda _: torch.from_numpy(expected), layout, names, "detect", 32, (64, 64), 1, 0.0)  # type: ignore[arg-type]
    runtime = Runtime("made up", lambda _: [got], {})
    image = [np.zeros((64, 64, 3), np.uint8)]
    return compare(reference, runtime, image, shapes=[(1, 64, 64)], precision=precision)


def grid(confidence: float) -> np.ndarray:
    """A raw output in which few cells see something, as in a real detector: boxes apart, of one confidence."""
    output = np.full((1, 4 + CLASSES, CELLS), 1e-6, np.float32)
    output[0, :2], output[0, 2:4] = 30.0, 4.0
    output[0, 0, :WEAK] = np.arange(WEAK) * 5
    output[0, 4, :WEAK] = confidence
    return output


def blind(output: np.ndarray) -> np.ndarray:
    """The same without any score."""
    seen = output.copy()
    seen[:, 4:] = 0
    return seen


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_model_whose_own_numbers_are_not_finite_proves_nothing(wrong: float):
    diverged = grid(0.5)
    diverged[0, 5, 5] = wrong
    with pytest.raises(CheckpointError, match="training has diverged"):
        compared(diverged, grid(0.5))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_coarse_file_is_not_close_where_no_box_was_compared(precision: str):
    found = compared(grid(0.2), blind(grid(0.2)), precision)  # the means of raw outputs hardly see it
    assert found["verdict"] == "not proven"
    assert "none could be compared" in found["reasons"][0]
    classifier = np.full((1, 1000), 1e-5, np.float32)
    other = classifier.copy()
    classifier[0, 3] = other[0, 7] = 0.98
    assert compared(classifier, other, precision, "plain")["verdict"] == "not proven"
    assert compared(grid(0.2), grid(0.2), precision)["verdict"] == "equal"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_weak_boxes_that_are_all_gone_are_missing(precision: str):
    found = compared(grid(0.3), blind(grid(0.3)), precision)
    assert found["verdict"] == "DIFFERENT"
    assert found["boxes_close"].missing == WEAK


def test_a_box_that_fell_below_the_end_of_a_list_is_not_missing():
    rows = np.column_stack([np.arange(MOST)] * 2 + [np.arange(MOST) + 5] * 2 + [np.linspace(0.9, 0.3, MOST)] * 2)
    rows[:, 5] = 0
    got = rows.copy()
    got[-1, :4] += 1000  # both lists are full, and end with another one of two near ties
    assert agree(rows, got, iou=0.99, slack=1e-3, floor=0.249).share == 1
    assert agree(rows[:9], got[:8], iou=0.99, slack=1e-3, floor=0.249).missing == 1


def test_rounding_of_scores_that_are_all_but_zero_is_no_difference():
    untrained = grid(1.5e-4)
    got = untrained.copy()
    got[:, 4:] += 2.6e-8  # what onnxruntime's sigmoid is off by
    assert compared(untrained, got)["verdict"] == "equal"
    assert compared(untrained, blind(untrained))["verdict"] == "DIFFERENT"


def test_the_reader_sees_how_many_boxes_agree_by_the_limits_of_the_verdict():
    shifted = grid(0.5)
    shifted[:, 0] += 0.1  # IoU 0.95 with boxes of 4 pixels
    found = compared(grid(0.5), shifted, "fp16")
    assert (found["verdict"], found["boxes"].matched, found["boxes_close"].matched) == ("close", 0, WEAK)
    proof = Proof(**found, file="a.onnx", model="a.pt", format="onnx", precision="fp16")
    said = proof.to_text()
    assert "12 of 12 boxes agree, 0 extra, confidences within 0.0e+00, at IoU 0.9" in said
    assert "not equal: 12 boxes missing" in said


class RTDETRDecoder:
    """Its name is what counts."""


class NewerRTDETRDecoder(RTDETRDecoder):
    def postprocess(self) -> None:
        """Chooses the best queries: releases since 8.4 have it."""


NewerRTDETRDecoder.__name__ = "RTDETRDecoder"


def test_rows_of_rt_detr_have_one_score_and_a_class():
    network = SimpleNamespace(model=[RTDETRDecoder()], task="detect")
    assert layout_of(network) == "queries"
    network.model = [NewerRTDETRDecoder()]
    assert layout_of(network) == "query_rows"
    rows = np.array([[[0.5, 0.5, 0.25, 0.5, 0.8, 7], [0.2, 0.2, 0.1, 0.1, 0.04, 3]]], np.float32)
    (found,) = final_boxes(rows, "query_rows", CLASSES, (100, 200))
    np.testing.assert_allclose(found, [[75, 25, 125, 75, 0.8, 7]], rtol=1e-6)
    assert compared(rows, rows, layout="query_rows")["verdict"] == "equal"
    for column, off in ((0, 0.02), (4, 0.01), (5, -1)):  # as two scores, 0.8 and 7, the second would hide a hundredth
        got = rows.copy()
        got[0, 0, column] += off
        assert compared(rows, got, layout="query_rows")["verdict"] == "DIFFERENT"
    weak = rows.copy()
    weak[0, 1] = [0.9, 0.9, 0.3, 0.3, 0.039, 5]  # chosen by a near tie
    assert compared(rows, weak, layout="query_rows")["verdict"] == "equal"
