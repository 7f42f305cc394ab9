# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from ultralytics import YOLO

from tests.fixtures.checkpoints import HEAD, make_checkpoint
from yolo_fine import explain
from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, DataError, YoloFineError
from yolo_fine.explaining.activation import eigen_cam
from yolo_fine.explaining.placing import Placing
from yolo_fine.explaining.result import Detected
from yolo_fine.integration.checkpoints import checkpoint_of
from yolo_fine.integration.observing import watching
from yolo_fine.integration.versions import installed_version

OPTIONS = {"imgsz": 64, "conf": 0.0, "max_det": 6, "device": "cpu"}


def save(self, file):
    """What older releases can't do with a model that was not trained."""
    Path(file).write_bytes(checkpoint_of(self.model))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    rows = [*HEAD, [[-1, 3], 1, "WeightedAdd", []], [-1, 1, "CBAM", []]]
    with pytest.MonkeyPatch.context() as patch:
        if installed_version() < (8, 3, 253):
            patch.setattr(YOLO, "save", save)
        return make_checkpoint(folder / "ours.pt", rows=rows), make_checkpoint(folder / "<b>other.pt")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    file = tmp_path_factory.mktemp("image") / "street.png"
    cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 255, (48, 70, 3), dtype=np.uint8))
    return file


@pytest.fixture(scope="module")
def result(models, image, tmp_path_factory):
    return explain(
        model=str(models[0]), source=image, compare=models[1], out=tmp_path_factory.mktemp("out") / "e", **OPTIONS
    )


def test_every_block_is_shown_in_its_order(result):
    shown = [(one.block, one.view.split(",")[0]) for one in result.blocks]
    assert shown == [
        ("FINE", "modulation"), ("FINE", "change of the map"), ("DySample", "sampling points"),
        ("DySample", "change of the map"), ("EMA", "gate of positions"), ("EMA", "change of the map"),
        ("WeightedAdd", "weights of the maps"), ("WeightedAdd", "change of the map"), ("CBAM", "gate of positions"),
        ("CBAM", "gates of channels"), ("CBAM", "change of the map"),
    ]  # fmt: skip
    assert [one.layer for one in result.blocks] == [3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7]
    modulation = result.blocks[0]
    assert 0.1 <= modulation.gain <= 0.5
    assert modulation.low < modulation.high
    assert all(one.low <= one.mean <= one.high for one in result.blocks)


def test_a_block_without_gain_is_shown_as_not_there(models, image):
    detector = YOLO(models[1])
    torch.nn.init.zeros_(detector.model.model[3].gain)
    modulation, change, *_ = explain(model=detector, source=image, **OPTIONS).blocks
    assert (modulation.gain, modulation.low, modulation.high) == (0, 1, 1)
    assert change.high == 0


def test_the_folder_holds_a_page_a_record_and_the_pictures(result):
    names = {file.name for file in result.folder.iterdir()}
    pictures = {one.picture for one in (*result.blocks, *result.models)} | set(result.activation)
    assert names == {"explain.html", "explain.json", *pictures}
    assert len(result.activation) == 2
    for name in pictures:
        assert cv2.imread(str(result.folder / name)) is not None
    page = (result.folder / "explain.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(pictures)
    assert "<b>other" not in page  # names are text
    assert "&lt;b&gt;other.pt" in page
    assert "://" not in page
    record = json.loads((result.folder / "explain.json").read_text())
    assert record["models"][0]["boxes"] == result.models[0].boxes
    assert record == json.loads(json.dumps(result.to_dict()))


def test_detections_are_those_of_predict(models, image, result):
    rows = YOLO(models[0]).predict(str(image), verbose=False, iou=0.7, **OPTIONS)[0].boxes
    ours = result.models[0].boxes
    assert [box["score"] for box in ours] == pytest.approx(rows.conf.tolist(), abs=1e-4)
    assert np.allclose([box["box"] for box in ours], rows.xyxy.numpy(), atol=0.01)
    assert result.models[0].small == sum(box["small"] for box in ours)


def test_models_of_one_name_are_told_apart(result):
    def named(*models):
        return dataclasses.replace(result, models=[Detected(model, [], 0) for model in models]).labels()

    assert named("runs/a/weights/best.pt", "runs/b/weights/best.pt") == ["a/weights/best.pt", "b/weights/best.pt"]
    assert named("runs/best.pt", "last.pt") == ["best.pt", "last.pt"]
    assert named("best.pt", "best.pt") == ["best.pt", "best.pt"]
    assert named("runs/best.pt") == ["best.pt"]


def test_a_model_beside_itself_has_nothing_alone(models, image):
    same = explain(model=models[0], source=image, compare=models[0], small=1e-3, **OPTIONS)
    assert [found.alone for found in same.models] == [0, 0]
    assert [found.small for found in same.models] == [0, 0]
    assert same.folder is None
    assert all(one.picture is None for one in same.blocks)


@pytest.mark.parametrize("size", [(48, 70), (71, 40), (64, 64), (333, 500)])
def test_the_image_lies_where_the_network_reads_it(models, size):
    image = np.random.default_rng(1).integers(0, 255, (*size, 3), dtype=np.uint8)
    detector = YOLO(models[0])
    read = []
    with watching(detector) as seen:
        hook = detector.model.model[0].register_forward_pre_hook(lambda _, x: read.append(x[0].clone()))
        detector.predict(image, verbose=False, **OPTIONS)
        hook.remove()
    placing = Placing.of(size, seen.size)
    expected = (read[-1][0].permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(int)
    assert np.abs(placing.on_input(image).astype(int) - expected).max() <= 1
    values = np.zeros(seen.size)
    values[placing.top : placing.top + placing.tall, placing.left : placing.left + placing.wide] = 1
    assert placing.inside(values).min() == 1
    assert placing.off_input(values, size)[1:-1, 1:-1].min() > 0.9
    corner = placing.cell(size[1] - 0.1, size[0] - 0.1, size, seen.size)
    assert corner == (placing.top + placing.tall - 1, placing.left + placing.wide - 1)


def test_watching_leaves_no_hook_and_eigen_cam_finds_what_stands_out(models):
    detector = YOLO(models[0])
    with watching(detector):
        pass
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in detector.model.modules())
    features = torch.rand(8, 12, 16) * 0.1
    features[:, 3:6, 9:12] += torch.rand(8, 1, 1) + 1
    cam = eigen_cam(features)
    assert cam.max() == 1
    assert cam[3:6, 9:12].min() > 0.7
    assert np.delete(cam.ravel(), [r * 16 + c for r in range(3, 6) for c in range(9, 12)]).max() < 0.3


def test_the_command_takes_numbered_folders(models, image, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["explain", str(models[1]), f"source={image}", *(f"{key}={value}" for key, value in OPTIONS.items())]
    assert main(words) == 0
    assert "DySample" in capsys.readouterr().out
    assert main(words) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["explain", "explain2"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"source": "nowhere.jpg"}, "nowhere.jpg"),
        ({"conf": 1.5}, "conf=1.5"),
        ({"imgsz": 8}, "imgsz=8"),
        ({"model": "yolo11n-fine.yaml"}, "has no weights"),
        ({"model": "best.onnx"}, "best.onnx"),
    ],
)
def test_mistakes_are_named(models, image, changed, named):
    with pytest.raises(YoloFineError, match=named):
        explain(**{"model": models[0], "source": image, **changed})


def test_a_model_of_other_bands(models, image, monkeypatch):
    monkeypatch.setattr("yolo_fine.explaining.looking.input_bands", lambda model: 4)
    with pytest.raises(ArgumentError, match="takes images of 4 bands; explain shows images of 3"):
        explain(model=models[0], source=image, **OPTIONS)


def test_a_folder_is_no_image(models, image):
    with pytest.raises(ArgumentError, match=r"is a folder; name one image, as .*street\.png"):
        explain(model=models[0], source=image.parent)
    with pytest.raises(DataError):
        explain(model=models[0], source=models[1])
