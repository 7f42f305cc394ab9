# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sliced prediction of files: the boxes are those of a sliced evaluation, the files those of ``yolo predict``."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import yolo_fine
from tests.evaluation.predict.tiny import noise_images, tiny_model
from tests.fixtures.checkpoints import save
from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, MissingFileError, UnwritableError
from yolo_fine.evaluation.predict.sliced import predict_sliced

pytest.importorskip("sahi", reason="SAHI is the optional extra 'sliced'")
SIZES = [(150, 100), (60, 40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def model(folder):
    return tiny_model(folder)


@pytest.fixture(scope="module")
def truth(folder):
    (folder / "images").mkdir()
    return noise_images(folder / "images", SIZES)


def test_boxes_are_those_of_a_sliced_evaluation(model, truth):
    found = yolo_fine.predict(model, truth.files[0].parent, slice=64, conf=0.3, max_det=500, batch=2, device="cpu")
    assert model.predictor is None  # the next prediction of the user's is not a sliced one
    expected = predict_sliced(model, truth, slice_size=64, conf=0.3, device="cpu").detections
    assert [one.size for one in found.images] == SIZES
    for index, one in enumerate(found.images):
        mine = expected.image == index
        assert mine.sum() > 5
        corners = np.column_stack([expected.boxes[mine, :2], expected.boxes[mine, :2] + expected.boxes[mine, 2:]])
        np.testing.assert_allclose(one.boxes[:, :4], corners, atol=1e-3)
        np.testing.assert_allclose(one.boxes[:, 4], expected.score[mine], atol=1e-5)
        np.testing.assert_array_equal(one.boxes[:, 5], expected.category[mine])
    assert found.speed["total"] == pytest.approx(sum(v for stage, v in found.speed.items() if stage != "total"))
    assert found.folder is None


def test_files_are_those_of_yolo_predict(model, truth, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    how = {"save": True, "save_txt": True, "save_conf": True, "project": str(tmp_path), "device": "cpu", "classes": [1]}
    found = yolo_fine.predict(model, truth.files[0].parent, slice=64, name="ours", json="b.json", **how)
    assert capfd.readouterr().out == ""
    model.predict(truth.files[0].parent, name="stock", imgsz=64, verbose=False, **how)
    model.predictor = None

    def names(name):
        return sorted(str(file.relative_to(tmp_path / name)) for file in (tmp_path / name).rglob("*.*"))

    assert names("ours") == names("stock")
    assert found.folder == tmp_path / "ours"
    for index, (width, height) in enumerate(SIZES):
        rows = np.loadtxt(tmp_path / "ours" / "labels" / f"image{index}.txt", ndmin=2)
        boxes = found.images[index].boxes
        assert set(boxes[:, 5]) == {1}
        np.testing.assert_allclose(rows[:, 1] * width, (boxes[:, 0] + boxes[:, 2]) / 2, atol=0.01)
        np.testing.assert_allclose(rows[:, 4] * height, boxes[:, 3] - boxes[:, 1], atol=0.01)
        np.testing.assert_allclose(rows[:, 5], boxes[:, 4], atol=1e-5)
        (file,) = (tmp_path / "ours").glob(f"image{index}.*")
        drawn = cv2.imread(str(file))
        assert drawn.shape == (height, width, 3)
    told = json.loads((tmp_path / "b.json").read_text())
    assert [len(one["boxes"]) for one in told["images"]] == [len(one.boxes) for one in found.images]
    assert told["images"][0]["boxes"][0]["name"] == "white"


def test_a_video_is_predicted_frame_by_frame(model, tmp_path):
    video = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 96))
    random = np.random.default_rng(0)
    for _ in range(3):
        video.write(cv2.GaussianBlur(random.integers(0, 255, (96, 160, 3), dtype=np.uint8), (0, 0), 2))
    video.release()
    how = {"save": True, "save_txt": True, "project": str(tmp_path), "name": "run", "device": "cpu"}
    found = yolo_fine.predict(model, tmp_path / "v.avi", slice=64, **how)
    assert [(one.frame, one.size) for one in found.images] == [(1, (160, 96)), (2, (160, 96)), (3, (160, 96))]
    assert "3 frames" in found.summary()
    assert {file.name for file in (tmp_path / "run" / "labels").iterdir()} == {"v_1.txt", "v_2.txt", "v_3.txt"}
    written = cv2.VideoCapture(str(tmp_path / "run" / "v.avi"))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_without_slices_images_are_predicted_whole(model, truth):
    found = yolo_fine.predict(model, truth.files[0], imgsz=64, device="cpu")
    (stock,) = model.predict(truth.files[0], imgsz=64, verbose=False, device="cpu")
    model.predictor = None
    np.testing.assert_array_equal(found.images[0].boxes, stock.boxes.data.numpy().astype(float))


def test_a_segmentation_model_gives_boxes(truth, tmp_path):
    from ultralytics import YOLO

    model = YOLO("yolo11n-seg.yaml", verbose=False)
    found = yolo_fine.predict(model, truth.files[0], slice=64, conf=1e-6, max_det=5, device="cpu")
    assert 0 < len(found.images[0].boxes) <= 5
    assert "'segment'; slices give its boxes alone" in found.notes[0]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"slice": 8}, ArgumentError, "argument 'slice' must be 32 or more"),
        ({"slice": 64, "overlap": 1}, ArgumentError, "argument 'overlap' must be from 0 to below 0.9"),
        (
            {"slice": 64, "save_tx": True},
            ArgumentError,
            "'save_tx' is no argument of yolo predict; did you mean save_txt",
        ),
        ({"slice": 64, "line_width": "thick"}, ArgumentError, "line_width='thick'"),
        ({"slice": 64, "stream": True}, ArgumentError, "stream= is no argument of sliced prediction"),
        ({"slice": 64, "source": "nowhere.jpg"}, MissingFileError, "source=nowhere.jpg: nowhere.jpg does not exist"),
    ],
)
def test_mistakes(model, truth, how, error, message):
    with pytest.raises(error, match=message):
        yolo_fine.predict(**{"model": model, "source": truth.files[0], "device": "cpu", **how})


def test_an_image_of_other_bands_than_the_model_takes(model, truth, tmp_path, monkeypatch):
    monkeypatch.setitem(model.model.yaml, "channels", 4)
    with pytest.raises(ArgumentError, match=r"image0\.png has 3 bands, and the model takes images of 4"):
        yolo_fine.predict(model, truth.files[0], slice=64, save=True, project=str(tmp_path / "p"), device="cpu")
    assert not list(tmp_path.iterdir())


def cut_off(name, *_):
    Path(name).write_bytes(b"\xff\xd8\xff\xe0")
    return False


@pytest.mark.parametrize("earlier", [False, True])
def test_images_that_are_cut_off_are_one_message_and_leave_nothing(model, truth, tmp_path, monkeypatch, earlier):
    run = tmp_path / "mine" / "run"
    if earlier:
        run.mkdir(parents=True)
        (run / "kept.jpg").write_bytes(b"of an earlier run")
    monkeypatch.setattr(cv2, "imwrite", cut_off)  # a full disk, to which OpenCV says no more than False
    how = {"project": str(tmp_path / "mine"), "name": "run", "exist_ok": True, "device": "cpu", "save_txt": True}
    with pytest.raises(UnwritableError, match=r"run.image0\.(jpg|png) can't be written whole; the disk may be full"):
        yolo_fine.predict(model, truth.files[0].parent, slice=64, save=True, **how)
    assert [path.name for path in tmp_path.rglob("*")] == (["mine", "run", "kept.jpg"] if earlier else [])


def test_a_video_on_a_full_disk_is_one_message_and_leaves_nothing(model, tmp_path, monkeypatch):
    video = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 64))
    video.write(np.zeros((64, 64, 3), np.uint8))
    video.release()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(UnwritableError, match="run can't be written: the disk is full"):
        yolo_fine.predict(
            model, tmp_path / "v.avi", slice=64, save=True, project=str(tmp_path / "p"), name="run", device="cpu"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["v.avi"]


@pytest.mark.parametrize("how", [{"save": True}, {"save_txt": True}, {"json": "a file/b.json"}])
def test_a_place_that_takes_nothing_is_one_message(model, truth, tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    Path("a file").touch()
    with pytest.raises(UnwritableError, match=r"a file.* can't be written: .*a file is a file, not a folder"):
        yolo_fine.predict(
            model, truth.files[0], slice=64, conf=0.0, project=str(tmp_path / "a file"), device="cpu", **how
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_the_command_slices_if_asked_and_else_is_yolo_predict(folder, model, truth, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(model, folder / "best.pt")
    words = ["predict", f"model={folder / 'best.pt'}", f"source={truth.files[0].parent}", "device=cpu"]
    assert main([*words, "slice=64", f"project={tmp_path}", "name=run"]) == 0
    printed = capsys.readouterr().out
    assert "2 images, " in printed
    assert f"written: {tmp_path / 'run'}" in printed
    assert {file.stem for file in (tmp_path / "run").iterdir()} == {"image0", "image1"}
    forwarded = []
    monkeypatch.setattr("yolo_fine.cli.forward.forward", lambda words: forwarded.append(words) or 0)
    assert main(words) == 0
    assert forwarded == [words]
