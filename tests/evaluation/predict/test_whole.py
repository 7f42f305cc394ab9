# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.evaluation.predict.tiny import noise_images, tiny_model
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.predict.whole import Collector, notes_on, predict_whole

SIZES = [(64, 48), (48, 64), (64, 48), (80, 40), (64, 48)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return noise_images(tmp_path_factory.mktemp("images"), SIZES)


def predict(model, truth, **options):
    return predict_whole(model, truth, **{"imgsz": 64, "device": "cpu", **options})


def test_boxes_are_those_of_yolo_predict(model, truth):
    found = predict(model, truth).detections
    assert len(found) > 50
    for index, file in enumerate(truth.files):
        result = model.predict(str(file), imgsz=64, conf=0.001, iou=0.7, max_det=500, verbose=False, device="cpu")[0]
        mine = found.image == index
        corners = np.column_stack([found.boxes[mine, :2], found.boxes[mine, :2] + found.boxes[mine, 2:]])
        np.testing.assert_allclose(corners, result.boxes.xyxy.numpy(), atol=1e-4)
        np.testing.assert_array_equal(found.score[mine], result.boxes.conf.numpy().astype(np.float64))
        np.testing.assert_array_equal(found.category[mine], result.boxes.cls.numpy())


def test_boxes_are_those_of_yolo_val(model, tiny_data, tmp_path):
    """With every class of a candidate, and squares: the two ways in which `yolo val` differs."""
    images = sorted((tiny_data.parent / "images" / "val").iterdir())
    truth = replace(
        noise_images(tmp_path, [(64, 64)] * len(images)),
        names=tuple(image.stem for image in images),
        files=tuple(images),
    )
    seen = []
    validated = tiny_model(tmp_path)
    validated.add_callback("on_val_end", lambda validator: seen.extend(validator.jdict))
    options = {"imgsz": 64, "max_det": 500, "batch": 2, "workers": 0, "device": "cpu", "plots": False}
    validated.val(data=str(tiny_data), rect=False, save_json=True, project=str(tmp_path), name="val", **options)
    found = predict(model, truth, batch=2, multi_label=True, rect=False).detections
    assert len(found) == len(seen) > len(predict(model, truth, rect=False).detections)
    for index, name in enumerate(truth.names):
        theirs = sorted((row for row in seen if row["image_id"] == int(name)), key=lambda row: -row["score"])
        mine = found.image == index
        np.testing.assert_allclose(found.score[mine], [row["score"] for row in theirs], atol=6e-6)
        theirs_sorted = np.array(sorted(row["bbox"] for row in theirs))
        rounded = found.boxes[mine].round(3).tolist()  # as predictions.json has them: else near ones change places
        np.testing.assert_allclose(np.array(sorted(rounded)), theirs_sorted, atol=2e-3)


def test_neither_batch_nor_neighbours_change_the_boxes(model, truth):
    alone, together = predict(model, truth).detections, predict(model, truth, batch=3).detections
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-3)
    np.testing.assert_allclose(alone.score, together.score, atol=1e-5)


def test_scores_fall_and_boxes_stay_inside(model, truth):
    found = predict(model, truth, batch=2).detections
    assert found.boxes.dtype == found.score.dtype == np.float64
    assert found.image.dtype == found.category.dtype == np.int64
    same_image = np.diff(found.image) == 0
    assert np.all(np.diff(found.score)[same_image] <= 0)
    right_bottom = found.boxes[:, :2] + found.boxes[:, 2:]
    assert np.all(found.boxes >= 0)
    assert np.all(right_bottom <= truth.sizes[found.image] + 1e-4)


def test_max_det_and_conf_are_honoured(model, truth):
    everything = predict(model, truth).detections
    few = predict(model, truth, max_det=3).detections
    np.testing.assert_array_equal(np.bincount(few.image), [3] * len(SIZES))
    first = np.searchsorted(everything.image, np.arange(len(SIZES)))
    np.testing.assert_array_equal(few.score[::3], everything.score[first])
    sure = predict(model, truth, conf=0.6).detections
    assert len(sure) == np.count_nonzero(everything.score > 0.6)


def test_an_earlier_call_leaves_nothing_behind(model, truth):
    before = predict(model, truth).detections
    predict(model, truth, multi_label=True, conf=0.5, max_det=2)
    np.testing.assert_array_equal(predict(model, truth).detections.boxes, before.boxes)


def test_categories_by_name(tmp_path, truth):
    swapped = tiny_model(tmp_path, {0: "white", 1: "red"})
    straight = tiny_model(tmp_path)
    classes = {5: "red", 9: "white"}
    there = predict(straight, replace(truth, classes=classes)).detections
    here = predict(swapped, replace(truth, classes=classes)).detections
    np.testing.assert_array_equal(there.category == 5, here.category == 9)
    assert set(there.category) == {5, 9}


def test_classes_that_take_no_part_take_no_place(model, truth):
    only_red = replace(truth, classes={4: "red"})
    found = predict(model, only_red, max_det=5)
    assert set(found.detections.category) == {4}
    assert set(np.bincount(found.detections.image)) == {5}
    assert found.notes == ("1 of the model's 2 classes are not in the ground truth: white",)


def test_unknown_classes(model, truth):
    more = replace(truth, classes={0: "red", 1: "white", 2: "blue"})
    with pytest.raises(DataError, match="'blue'"):
        predict(model, more)
    assert set(predict(model, more, allow_missing=True).detections.category) == {0, 1}


def test_speed_and_progress(model, truth):
    seen = []
    found = predict(model, truth, batch=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    stages = found.speed["preprocess"] + found.speed["inference"] + found.speed["postprocess"]
    assert found.speed["total"] == pytest.approx(stages)
    assert found.speed["inference"] > 0


def test_the_warm_up_is_not_timed(truth):
    collected = Collector(truth)
    for milliseconds in (100.0, 2.0, 4.0):
        collected.add(len(collected.times), np.zeros((0, 6)), {"inference": milliseconds})
    assert collected.speed(warm_up=1) == {"inference": 3.0, "total": 3.0}
    assert collected.speed(warm_up=3)["inference"] == pytest.approx(106 / 3)
    assert len(collected.detections()) == 0


def test_a_limit_built_into_the_model_is_told(model):
    (note,) = notes_on(model, {0: 0, 1: 1}, [300, 12, 300], 500)
    assert "at most 300 detections" in note
    assert "2 of 3 images" in note
    assert notes_on(model, {0: 0, 1: 1}, [300, 301], 500) == ()
    assert notes_on(model, {0: 0, 1: 1}, [300], 300) == ()


def test_no_detection_at_all(model, truth):
    found = predict(model, truth, conf=1.0)
    assert len(found.detections) == 0
    assert found.detections.boxes.shape == (0, 4)


def test_images_that_cannot_be_used(model, truth, tmp_path):
    with pytest.raises(DataError, match="names no image files"):
        predict(model, replace(truth, files=None))
    missing = (*truth.files[:4], tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"gone\.png is no readable image"):
        predict(model, replace(truth, files=missing))
    for content in (b"", b"not an image"):
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.png"):
            predict(model, replace(truth, files=(*truth.files[:4], tmp_path / "bad.png")))
    cv2.imwrite(str(tmp_path / "other.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(DataError, match=r"other\.png is 20x10 pixels, the ground truth says 64x48"):
        predict(model, replace(truth, files=(*truth.files[:4], tmp_path / "other.png")))


def test_images_of_other_bands_than_the_model_takes(model, truth):
    with pytest.raises(DataError, match=r"takes images of 3 bands, and those .* read with 4 bands \(channels:"):
        predict(model, replace(truth, channels=4))
    with pytest.raises(DataError, match="read with 1 band "):
        predict(model, replace(truth, channels=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conf": 1.5}, "conf=1.5"),
        ({"iou": -0.1}, "iou=-0.1"),
        ({"max_det": 0}, "max_det=0"),
        ({"batch": 0}, "batch=0"),
    ],
)
def test_arguments_out_of_range(model, truth, options, message):
    with pytest.raises(ArgumentError, match=message):
        predict(model, truth, **options)


def test_a_model_without_upright_boxes(truth):
    class Rotated:
        task = "obb"

    with pytest.raises(ArgumentError, match="'obb' has no upright boxes"):
        predict(Rotated(), truth)
