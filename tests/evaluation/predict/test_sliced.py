# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.evaluation.predict.tiny import noise_images, tiny_model
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.predict.sliced import predict_sliced
from yolo_fine.evaluation.predict.slices import cut
from yolo_fine.evaluation.predict.whole import predict_whole

pytest.importorskip("sahi", reason="SAHI is the optional extra 'sliced'")

STAGES = {"slicing", "preprocess", "inference", "postprocess", "merge", "total"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return noise_images(tmp_path_factory.mktemp("images"), [(150, 100), (60, 40)])


def predict(model, truth, **options):
    return predict_sliced(model, truth, **{"slice_size": 64, "device": "cpu", **options})


class Squares:
    """A perfect detector of bright squares, which sees of an object what its slice shows."""

    task, names = "detect", {0: "red", 1: "white"}

    def __init__(self, classes: tuple[int, ...] = (1,)) -> None:
        self.classes, self.shapes = classes, []

    def predict(self, images, **_):
        results = []
        for pixels in images:
            self.shapes.append(pixels.shape[:2])
            y, x = np.nonzero(pixels[..., 0] > 200)
            box = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else None
            rows = [[*box, 0.9 - 0.1 * kind, kind] for kind in self.classes] if box else []
            data = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
            results.append(SimpleNamespace(boxes=Boxes(data), speed={"inference": 1.0}))
        return results


class Boxes:
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)


def square(folder, left, top, side, size=(160, 64)):
    """One dark image with one bright square."""
    import cv2

    truth = noise_images(folder, [size])
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[top : top + side, left : left + side] = 255
    cv2.imwrite(str(truth.files[0]), pixels)
    return truth


@pytest.mark.parametrize("left", [0, 20, 45, 55, 60, 90, 110, 148])
def test_an_object_smaller_than_the_overlap_is_found_once_and_whole(tmp_path, left):
    truth = square(tmp_path, left, 20, 12)
    found = predict(Squares(), truth, overlap=0.25, whole_image=False).detections
    np.testing.assert_allclose(found.boxes, [[left, 20, 12, 12]])
    assert found.category.tolist() == [1]


def test_parts_are_dropped_only_if_asked(tmp_path):
    truth = square(tmp_path, 55, 20, 12)
    parts = predict(Squares(), truth, overlap=0.25, whole_image=False, drop_cut=False).detections
    assert parts.boxes.tolist() == [[55, 20, 9, 12]]  # of two equal scores, the merge keeps the part
    kept = predict(Squares(), truth, overlap=0.0, whole_image=False).detections  # no other slice has the object
    assert sorted(kept.boxes.tolist()) == [[55, 20, 9, 12], [64, 20, 3, 12]]


def test_a_large_object_is_left_to_the_whole_image(tmp_path):
    truth = square(tmp_path, 30, 4, 56)
    assert len(predict(Squares(), truth, overlap=0.25, whole_image=False).detections) == 0
    found = predict(Squares(), truth, overlap=0.25).detections
    np.testing.assert_allclose(found.boxes, [[30, 4, 56, 56]])


def test_the_merge_knows_classes(tmp_path):
    truth = square(tmp_path, 55, 20, 6)
    assert predict(Squares((0, 1)), truth).detections.category.tolist() == [0, 1]
    assert predict(Squares((0, 1)), truth, class_agnostic=True).detections.category.tolist() == [0]


def test_what_the_network_sees(tmp_path):
    seen = Squares()
    predict(seen, noise_images(tmp_path, [(160, 64)]), overlap=0.25)
    assert seen.shapes == [(64, 64)] * 3 + [(64, 160)]
    for size in ((64, 64), (40, 30)):
        seen = Squares()
        predict(seen, noise_images(tmp_path, [size]))
        assert seen.shapes == [size[::-1]]  # one slice is the whole image: not predicted twice


def test_a_image_of_one_slice_has_the_boxes_of_the_whole_image(model, truth):
    sliced = predict(model, truth, slice_size=160, imgsz=64).detections
    whole = predict_whole(model, truth, imgsz=64, device="cpu").detections
    np.testing.assert_allclose(sliced.boxes, whole.boxes)
    np.testing.assert_array_equal(sliced.score, whole.score)


def test_batches_change_nothing(model, truth):
    alone, together = predict(model, truth).detections, predict(model, truth, batch=3).detections
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-3)


def test_limits_order_and_borders(model, truth):
    found = predict(model, truth, max_det=20, drop_cut=False, merge_iou=0.9).detections
    assert np.bincount(found.image).tolist() == [20, 20]
    assert np.all(np.diff(found.score)[np.diff(found.image) == 0] <= 0)
    assert np.all(found.boxes[:, :2] >= 0)
    assert np.all(found.boxes[:, :2] + found.boxes[:, 2:] <= truth.sizes[found.image] + 1e-4)


def test_merged_boxes_of_a_class_do_not_overlap_more_than_allowed(model, truth):
    import torchvision

    found = predict(model, truth, merge_iou=0.3).detections
    for kind in (0, 1):
        mine = (found.image == 0) & (found.category == kind)
        corners = np.column_stack([found.boxes[mine, :2], found.boxes[mine, :2] + found.boxes[mine, 2:]])
        overlap = torchvision.ops.box_iou(torch.tensor(corners), torch.tensor(corners)).numpy()
        assert mine.sum() > 2
        assert (overlap - np.eye(len(overlap))).max() < 0.3 + 1e-5
    tight = predict(model, truth, merge="nms_ios", merge_iou=0.3).detections
    assert 0 < len(tight) < len(found)


def test_speed_and_progress(model, truth):
    seen = []
    found = predict(model, truth, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert set(found.speed) == STAGES
    assert found.speed["total"] == pytest.approx(sum(found.speed[stage] for stage in STAGES - {"total"}))


def test_cut():
    place = np.array([64, 0, 128, 64])  # the image is 200 x 64: only left and right are inner borders
    rows = np.array([[70, 0, 80, 64], [64.5, 10, 80, 20], [70, 10, 127, 20], [67, 10, 80, 20.0]])
    assert cut(rows, place, 200, 64).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 1.0}, "overlap=1.0: expected a share"),
        ({"overlap": -0.1}, "overlap=-0.1: expected a share"),
        ({"slice_size": 0}, "slice_size=0"),
        ({"merge_iou": 0}, "merge_iou=0"),
        ({"merge": "nmms"}, "merge=nmms is none of nms, nms_ios; did you mean nms"),
    ],
)
def test_arguments_out_of_range(model, truth, options, message):
    with pytest.raises(ArgumentError, match=message):
        predict(model, truth, **options)


def test_images_of_other_bands_than_the_model_takes(model, truth):
    with pytest.raises(DataError, match=r"takes images of 3 bands, and those .* read with 4 bands"):
        predict_sliced(model, replace(truth, channels=4), slice_size=64)


def test_without_sahi(model, truth, monkeypatch):
    monkeypatch.setitem(sys.modules, "sahi.slicing", None)
    with pytest.raises(ArgumentError, match=r"pip install 'yolo-fine\[sliced\]'"):
        predict(model, truth)
