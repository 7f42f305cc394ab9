# SPDX-License-Identifier: AGPL-3.0-or-later
"""The parts of the comparison, on numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ultralytics.data.augment import LetterBox

from yolo_fine.exporter.proof.boxes import Agreement, agree, final_boxes
from yolo_fine.exporter.proof.compare import compare
from yolo_fine.exporter.proof.images import letterbox
from yolo_fine.exporter.proof.latency import measure_latency
from yolo_fine.exporter.proof.operators import check_operators
from yolo_fine.exporter.proof.outputs import OutputMismatch, compare_outputs, match_rows
from yolo_fine.exporter.proof.shapes import shapes_to_prove
from yolo_fine.exporter.proof.verdict import CLOSE, EQUAL, fails
from yolo_fine.exporter.runtimes import Runtime
from yolo_fine.integration.export_reference import Reference

ROWS = np.array([[0, 0, 9, 9, 0.9, 1], [20, 0, 29, 9, 0.5, 0], [40, 0, 49, 9, 0.5, 0], [60, 0, 69, 9, 0.1, 1.0]])


def errors(expected: np.ndarray, got: np.ndarray, layout: str = "rows", classes: int = 2) -> dict[str, float]:
    found = compare_outputs([expected], [got], layout=layout, classes=classes, side=100)
    return {error.group: error.max_abs / error.scale for error in found}


def test_rows_may_swap_near_ties_and_differ_at_the_end():
    swapped = ROWS[[0, 2, 1, 3]].copy()
    swapped[3, :4] += 100  # another last row
    assert errors(ROWS[None], swapped[None]) == {"boxes": 0, "scores": 0}


def test_rows_that_moved_changed_class_or_are_missing_are_found():
    moved = ROWS.copy()
    moved[1, 0] += 3
    assert errors(ROWS[None], moved[None])["boxes"] == pytest.approx(0.03)
    relabelled = ROWS.copy()
    relabelled[1, 5] = 1
    assert errors(ROWS[None], relabelled[None])["boxes"] > 0.1
    doubled = ROWS[[0, 1, 1, 3]]
    assert errors(ROWS[None], doubled[None])["boxes"] == pytest.approx(0.2)
    lower = ROWS.copy()
    lower[:, 4] *= 0.5
    assert errors(ROWS[None], lower[None])["scores"] == pytest.approx(0.5)


def test_rows_of_embedded_nms_may_come_and_go_at_the_floor():
    padded = np.zeros((1, 4, 6))
    padded[0, :3] = ROWS[:3]
    padded[0, 2, 4] = 0.25001
    gone = padded.copy()
    gone[0, 2] = 0
    found = compare_outputs([padded], [gone], layout="rows", classes=2, side=100, floor=0.25)
    assert all(error.max_abs < 1e-4 for error in found)
    assert len(match_rows(padded[0], gone[0], 0.25)[0]) == 4  # two rows, in both directions


def test_rows_with_equal_scores_pair_nothing():
    flat = ROWS.copy()
    flat[:, 4] = 0.5
    assert len(match_rows(flat, flat, 0.0)[0]) == 0


def test_grid_groups_have_their_own_scale():
    expected = np.zeros((1, 8, 5))
    expected[0, :4], expected[0, 4:6], expected[0, 6:] = 50, 0.5, 4
    got = expected.copy()
    got[0, 0, 0] += 1
    got[0, 5, 0] += 0.1
    got[0, 7, 0] += 1
    found = errors(expected, got, "grid")
    assert found["boxes"] == pytest.approx(0.01)
    assert found["scores"] == pytest.approx(0.2)
    assert found["others"] == pytest.approx(0.25)


def test_outputs_that_cannot_be_compared():
    one = np.zeros((1, 6, 5))
    for got in ([one[:, :5]], [one, one], [np.full_like(one, np.nan)]):
        with pytest.raises(OutputMismatch):
            compare_outputs([one], got, layout="grid", classes=2, side=100)


def test_queries_in_another_order():
    draw = np.random.default_rng(0)
    expected = draw.uniform(0.1, 0.9, (1, 20, 6))
    assert errors(expected, expected[:, ::-1], "queries") == {"boxes": 0, "scores": 0}
    got = expected.copy()
    got[0, 3, 1] += 0.3
    assert errors(expected, got, "queries")["boxes"] > 0.01


def test_boxes_agree_one_to_one():
    same = agree(ROWS, ROWS, iou=0.99, slack=1e-3)
    assert (same.boxes, same.matched, same.missing, same.extra, same.share) == (3, 3, 0, 0, 1.0)
    doubled = agree(ROWS, ROWS[[0, 0, 1, 2]], iou=0.99, slack=1e-3)
    assert (doubled.matched, doubled.extra) == (3, 1)
    moved = ROWS.copy()
    moved[0, :4] += 1
    found = agree(ROWS, moved, iou=0.99, slack=1e-3)
    assert (found.matched, found.missing, found.extra) == (2, 1, 1)
    assert agree(ROWS, moved, iou=0.6, slack=1e-3).share == 1
    other = ROWS.copy()
    other[0, 5] = 0
    assert agree(ROWS, other, iou=0.99, slack=1e-3).missing == 1


def test_a_box_of_another_confidence_is_another_box():
    surer = ROWS.copy()
    surer[1, 4] += 0.05
    limits = {"iou": 0.9, "slack": 2e-2}
    found = agree(ROWS, surer, confidence=0.02, **limits)
    assert (found.matched, found.missing, found.extra) == (2, 1, 1)
    assert found.max_conf_diff == 0
    assert agree(ROWS, surer, confidence=0.06, **limits).share == agree(ROWS, surer, **limits).share == 1
    # One of many is within the share of a float16 file that may differ, as one that is missing is.
    many = np.repeat(ROWS[:1], 100, axis=0)
    many[:, [0, 2]] += 1000 * np.arange(100)[:, None]
    one_off = many.copy()
    one_off[7, 4] -= 0.05
    assert fails(CLOSE["fp16"], 1e-1, 1e-4, agree(many, one_off, confidence=0.02, **limits), None) == []
    assert fails(EQUAL, 1e-5, 1e-6, agree(many, one_off, iou=0.99, slack=1e-3, confidence=1e-3), None)


def test_a_box_at_the_limit_may_be_on_one_side_only():
    near = ROWS.copy()
    near[2, 4] = 0.2504
    assert agree(near, near[:2], iou=0.99, slack=1e-3).share == 1
    near[2, 4] = 0.26
    assert agree(near, near[:2], iou=0.99, slack=1e-3).missing == 1


def test_verdicts_by_precision():
    fine, few = Agreement(boxes=100, matched=100), Agreement(boxes=100, matched=97, missing=3)
    assert fails(EQUAL, 1e-5, 1e-6, fine, None) == []
    assert "largest relative error" in fails(EQUAL, 2e-4, 1e-6, fine, None)[0]
    assert "3 boxes missing" in fails(EQUAL, 1e-5, 1e-6, few, None)[0]
    assert fails(CLOSE["fp32"], 1e-3, 1e-6, few, None)
    assert fails(CLOSE["fp16"], 1e-1, 1e-3, few, None) == []
    assert "mean relative error" in fails(CLOSE["fp16"], 1e-1, 3e-3, few, None)[0]
    assert "AP falls by 0.0200" in fails(CLOSE["fp16"], 1e-3, 1e-4, fine, 0.02)[0]
    assert fails(CLOSE["int8"], 1.0, 1e-2, few, 0.02) == []
    assert "(IoU 0.9, confidence within 0.02)" in fails(CLOSE["fp16"], 1e-3, 1e-4, Agreement(missing=1), None)[0]


def test_no_boxes_at_all():
    none = np.zeros((0, 6))
    assert agree(none, none, iou=0.99, slack=1e-3).share == 1
    assert agree(ROWS, none, iou=0.99, slack=1e-3).missing == 3
    assert agree(none, ROWS, iou=0.99, slack=1e-3).extra == 3


def test_final_boxes_of_every_layout():
    cells = np.zeros((1, 6, 3), np.float32)
    cells[0, :, 0] = [50, 40, 20, 10, 0.1, 0.8]
    cells[0, :, 1] = [51, 40, 20, 10, 0.1, 0.7]  # suppressed
    cells[0, :, 2] = [51, 40, 20, 10, 0.6, 0.1]  # of the other class
    expected = [[40, 35, 60, 45, 0.8, 1], [41, 35, 61, 45, 0.6, 0]]
    (found,) = final_boxes(cells, "grid", 2, (100, 200))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (rows,) = final_boxes(np.array([[*expected, [0] * 6]]), "rows", 2, (100, 200))
    np.testing.assert_allclose(rows, expected)
    queries = cells.transpose(0, 2, 1)[:, [0, 2]] / [200, 100, 200, 100, 1, 1]
    (found,) = final_boxes(queries, "queries", 2, (100, 200))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 160)])
def test_letterbox_is_that_of_ultralytics(size: tuple[int, int]):
    image = np.random.default_rng(0).integers(0, 255, (75, 121, 3), dtype=np.uint8)
    expected = LetterBox(size, auto=False)(image=image)
    fitted = letterbox(image, *size)
    np.testing.assert_array_equal(np.round(fitted.pixels * 255), expected[..., ::-1].transpose(2, 0, 1))


def judge(expected: np.ndarray, got: np.ndarray, floor: float = 0.0, precision: str = "fp32") -> str:
    """The verdict on a made-up end-to-end file."""
    side = replace(reference((64, 64)), layout="rows", names={0: "a", 1: "b"}, floor=floor)
    side = replace(side, network=lambda pixels: torch.from_numpy(expected))
    runtime = Runtime("made up", lambda pixels: [got], {})
    image = [np.zeros((64, 64, 3), np.uint8)]
    return str(compare(side, runtime, image, shapes=[(1, 64, 64)], precision=precision)["verdict"])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_file_that_is_wholly_wrong_is_never_called_unproven(precision: str):
    nothing = np.zeros((1, 4, 6))
    assert judge(ROWS[None], ROWS[None], precision=precision) == "equal"
    assert judge(ROWS[None], nothing, precision=precision) == "DIFFERENT"
    assert judge(nothing, ROWS[None], precision=precision) == "DIFFERENT"
    assert judge(ROWS[None], nothing, floor=0.25, precision=precision) == "DIFFERENT"
    assert judge(nothing, nothing, floor=0.25, precision=precision) == "not proven"


def reference(imgsz: tuple[int, int], batch: int = 1) -> Reference:
    return Reference(None, "grid", {0: "a"}, "detect", 32, imgsz, batch, 0.0)  # type: ignore[arg-type]


def test_shapes_that_are_proven():
    assert shapes_to_prove(reference((640, 640)), sizes=False, batches=False) == [(1, 640, 640)]
    assert shapes_to_prove(reference((640, 640)), sizes=True, batches=True) == [
        (1, 640, 640), (2, 480, 640), (1, 832, 832)
    ]  # fmt: skip
    wide = shapes_to_prove(reference((384, 640), batch=4), sizes=True, batches=True)
    assert wide == [(4, 384, 640), (1, 288, 640), (4, 832, 832), (1, 640, 640)]
    assert shapes_to_prove(reference((64, 64)), sizes=False, batches=True) == [(1, 64, 64), (2, 64, 64)]


def test_operator_lists():
    checks = check_operators(["Conv", "Sigmoid", "SequenceConstruct", "NoSuchOperator"])
    assert {"TensorRT 8.6", "TensorRT 10", "CoreML"} < set(checks)
    assert checks["TensorRT 10"].refused == ["SequenceConstruct"]
    assert all(check.unlisted[0] == "NoSuchOperator" for check in checks.values())
    assert all("Conv" not in check.refused + check.unlisted and check.source for check in checks.values())


def test_latency_alternates_and_counts():
    calls: list[str] = []
    found = measure_latency(lambda x: calls.append("torch"), lambda x: calls.append("file"), np.zeros(2), pairs=6,
                            threads=1)  # fmt: skip
    assert calls[4:8] == ["torch", "file", "file", "torch"]
    assert (found.pairs, found.batch) == (6, 2)
