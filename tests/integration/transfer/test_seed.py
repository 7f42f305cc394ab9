# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine seed``: what it writes, what it says, and that stock Ultralytics goes on from it."""

from __future__ import annotations

import copy
import errno
import json
import re
from pathlib import Path

import pytest
import torch
import yaml

from tests.commands import FAST, python, yolo
from yolo_fine.cli import main
from yolo_fine.cli.words import call
from yolo_fine.errors import ArgumentError, CheckpointError, MissingFileError
from yolo_fine.integration.checkpoints import open_checkpoint
from yolo_fine.integration.transfer.raw_outputs import largest_difference
from yolo_fine.integration.transfer.seed import seed

tasks = pytest.importorskip("ultralytics.nn.tasks")


def checkpoint(model, file, task="detect"):
    """Save a model whose tensors are all unlike a fresh model's, as Ultralytics does."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    model.names = {i: f"thing {i}" for i in range(len(model.names))}
    torch.save({"model": copy.deepcopy(model).half(), "train_args": {"task": task}}, file)
    return file


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A checkpoint of stock YOLO11n, in half precision as Ultralytics writes it."""
    torch.manual_seed(1)
    return checkpoint(tasks.DetectionModel("yolo11n.yaml", verbose=False), tmp_path_factory.mktemp("w") / "yolo11n.pt")


def test_the_seed_equals_its_source_and_says_so(weights, tmp_path, monkeypatch, capsys):
    from ultralytics import YOLO

    monkeypatch.chdir(tmp_path)
    assert main(["seed", "model=yolo11n-fine.yaml", f"weights={weights}", "json=report.json"]) == 0
    printed = capsys.readouterr().out
    assert "499/499 pretrained tensors, 2.6 M parameters (FINE at 11, 15 new)\n" in printed
    assert "largest difference of raw outputs: 0\n" in printed
    assert "written: yolo11n-fine-seed.pt" in printed
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["transferred"], report["total"], report["max_abs_diff"]) == (499, 499, 0.0)
    assert [(new["layer"], new["module"]) for new in report["new"]] == [(11, "FINE"), (15, "FINE")]
    assert report["not_transferred"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "yolo11n-fine-seed.pt"]
    model = YOLO("yolo11n-fine-seed.pt")
    assert model.names[3] == "thing 3"
    assert model.ckpt["epoch"] == -1
    assert {tensor.dtype for tensor in model.ckpt["model"].parameters()} == {torch.float32}
    assert largest_difference(model.model, YOLO(weights).model) == 0.0


def test_a_row_that_was_hardly_meant_is_said_beside_the_difference(weights, tmp_path, monkeypatch, capsys):
    model = yaml.safe_load(Path(tasks.__file__).parents[1].joinpath("cfg/models/11/yolo11.yaml").read_text())
    head = model["head"]
    model["head"] = [*head[:6], [-1, 1, "SE", [256, 16]], *head[6:-1], [[17, 20, 23], 1, "Detect", ["nc"]]]
    (tmp_path / "yolo11-typed.yaml").write_text(yaml.safe_dump(model))
    monkeypatch.chdir(tmp_path)
    assert main(["seed", "model=yolo11n-typed.yaml", f"weights={weights}"]) == 0
    printed = capsys.readouterr().out
    assert "WARNING: " in printed
    assert "layer 17 (head[6]) [-1, 1, 'SE', [256, 16]]: 256 looks like the row's channels" in printed


def test_the_same_command_writes_the_same_tensors(weights, tmp_path):
    states = []
    for name in ("a.pt", "b.pt"):
        seed("yolo11n-ema.yaml", str(weights), out=tmp_path / "new" / name)
        states.append(tasks.torch_safe_load(tmp_path / "new" / name)[0]["model"].state_dict())
        torch.rand(3)
    assert all(torch.equal(tensor, states[1][key]) for key, tensor in states[0].items())


def test_stock_training_goes_on_from_it_with_start_up_files_off(weights, tmp_path, tiny_data):
    file = tmp_path / "fine.pt"
    seed("yolo11n-fine.yaml", str(weights), out=file)
    done = yolo(
        "train", f"model={file}", f"data={tiny_data}", "epochs=1", *FAST, f"project={tmp_path}", "name=run",
        cwd=tmp_path, YOLO_FINE_AUTOLOAD="0",
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert re.search(r"yolo_fine: (\d+)/\1 pretrained tensors", said)  # older heads have fewer
    assert "class head 80 -> 2 classes starts anew" in said
    assert (tmp_path / "run" / "weights" / "best.pt").is_file()


def test_validation_and_prediction_with_start_up_files_off(weights, tmp_path, tiny_data):
    file = tmp_path / "fine.pt"
    seed("yolo11n-fine.yaml", str(weights), out=file)
    code = (
        "import numpy, sys; from ultralytics import YOLO\n"
        f"model = YOLO({str(file)!r})\n"
        "model.predict(numpy.zeros((64, 64, 3), 'uint8'), imgsz=64, device='cpu')\n"
        f"model.val(data={str(tiny_data)!r}, imgsz=64, batch=4, workers=0, plots=False, device='cpu')\n"
        "sys.exit(model.names[3] != 'thing 3' or 'yolo_fine' not in sys.modules)"
    )
    done = python(code, tmp_path, YOLO_FINE_AUTOLOAD="0")
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_yaml_with_a_p2_head_and_no_block_of_ours(tmp_path, capsys):
    from ultralytics import YOLO

    file = checkpoint(tasks.DetectionModel("yolov8n.yaml", verbose=False), tmp_path / "yolov8n.pt")
    result = seed("yolov8n-p2.yaml", str(file), out=tmp_path / "p2.pt")
    assert "largest difference of raw outputs: no outputs of one shape" in result.to_text()
    assert (result.report.fraction, result.max_abs_diff) == (1, None)
    assert capsys.readouterr().out == ""  # a function prints nothing
    ours, theirs = YOLO(tmp_path / "p2.pt").model.model[-1], YOLO(file).model.model[-1]
    assert torch.equal(ours.cv2[1][0].conv.weight, theirs.cv2[0][0].conv.weight)


@pytest.mark.parametrize("kind", ["seg", "pose", "obb"])
def test_other_tasks(tmp_path, kind):
    from ultralytics import YOLO

    stock = YOLO(f"yolo11n-{kind}.yaml")
    file = checkpoint(stock.model, tmp_path / "source.pt", stock.task)
    rows = tasks.yaml_model_load(f"yolo11n-{kind}.yaml")
    rows["head"].insert(-1, [16, 1, "EMA", []])
    rows["head"][-1][0] = [23, 19, 22]
    (tmp_path / "yolo11-mine.yaml").write_text(yaml.safe_dump({key: rows[key] for key in rows if key != "yaml_file"}))
    result = seed(str(tmp_path / "yolo11n-mine.yaml"), str(file), out=tmp_path / "seed.pt")
    assert (result.report.fraction, result.max_abs_diff) == (1, 0.0)
    assert YOLO(tmp_path / "seed.pt").task == stock.task


def test_rtdetr(tmp_path):
    from ultralytics import RTDETR, YOLO

    rows = tasks.yaml_model_load("rtdetr-resnet50.yaml")
    rows["backbone"] = [[-1, 1, "Conv", [32, 3, 2]]] + [[-1, 1, "Conv", [32, 3, 2]] for _ in range(4)]
    rows["head"] = [[[2, 3, 4], 1, "RTDETRDecoder", ["nc", 256, 300, 4, 8, 1]]]
    rows.pop("yaml_file")
    (tmp_path / "stock.yaml").write_text(yaml.safe_dump(rows))
    rows["head"] = [[2, 1, "EMA", []], [[5, 3, 4], *rows["head"][0][1:]]]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(rows))
    file = checkpoint(RTDETR(tmp_path / "stock.yaml").model, tmp_path / "source.pt")
    result = seed(str(tmp_path / "mine.yaml"), str(file), out=tmp_path / "seed.pt")
    assert (result.report.fraction, result.max_abs_diff) == (1, 0.0)
    assert type(YOLO(tmp_path / "seed.pt").model).__name__ == "RTDETRDetectionModel"


def test_weights_of_another_scale_and_class_count(tmp_path):
    source = tasks.DetectionModel("yolo11s.yaml", nc=10, verbose=False)
    result = seed("yolo11n-fine.yaml", str(checkpoint(source, tmp_path / "s.pt")), out=tmp_path / "seed.pt")
    printed = result.to_text()
    assert "; class head 10 -> 80 classes starts anew" in printed
    assert "  layer 0 -> 0 Conv, conv.weight: shape (32, 3, 3, 3) vs (16, 3, 3, 3)" in printed
    assert "... and " in printed
    assert "WARNING: ONLY" in printed
    assert result.report.is_low


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["yolo11n-fine.pt", "yolo11n.pt"], ArgumentError, "model=yolo11n-fine.pt is no model YAML"),
        (["yolo11n-fin.yaml", "yolo11n.pt"], MissingFileError, "did you mean yolo11n-fine.yaml?"),
        (["yolo11n-fine.yaml", "yolo11n.onnx"], ArgumentError, "weights=yolo11n.onnx is no checkpoint"),
        (
            ["yolo11n-fine.yaml", "yollo11n.pt"],
            MissingFileError,
            "weights=yollo11n.pt does not exist; did you mean yolo11n",
        ),
        (
            ["yolo11n-seg.yaml", "yolo11n.pt"],
            ArgumentError,
            "is a segment model, weights=yolo11n.pt are of a detect model",
        ),
        (["yolo11n-fine.yaml", "half.pt"], CheckpointError, "half.pt: the file is truncated"),
        (["yolo11n-fine.yaml", "text.pt"], CheckpointError, "text.pt: the file is not a PyTorch checkpoint"),
        (["yolo11n-fine.yaml", "tensors.pt"], CheckpointError, "tensors.pt: the file holds no Ultralytics model"),
        (["yolo11n-fine.yaml", "yolo11n.pt", "yolo11n.pt"], ArgumentError, "out=yolo11n.pt is the weights file itself"),
        (["yolo11n-fine.yaml", "yolo11n.pt", "seed.onnx"], ArgumentError, "name a file that ends in .pt"),
        (["yolo11n-fine.yaml", "yolo11n.pt", "half.pt/seed.pt"], ArgumentError, "half.pt/seed.pt can't be written"),
    ],
)
def test_mistakes_end_in_one_message(weights, tmp_path, monkeypatch, words, error, message):
    monkeypatch.chdir(tmp_path)
    whole = weights.read_bytes()
    for name, content in {"yolo11n.pt": whole, "half.pt": whole[: len(whole) // 2], "text.pt": b"words"}.items():
        (tmp_path / name).write_bytes(content)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "tensors.pt")
    before = sorted(tmp_path.iterdir())
    keys = ("model", "weights", "out")
    with pytest.raises(error) as caught:
        call(seed, [f"{key}={word}" for key, word in zip(keys, words, strict=False)])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "yolo11n.pt").read_bytes() == whole


def test_paths_are_paths_or_text_and_models_may_be_loaded(weights, tmp_path, monkeypatch, capsys):
    from ultralytics import YOLO

    monkeypatch.chdir(tmp_path)
    result = seed(Path("yolo11n-ema.yaml"), weights, out="a.pt", json="a.json")
    assert result.out == Path("a.pt")
    assert repr(result).splitlines() == [
        "499/499 pretrained tensors, 2.6 M parameters (EMA at 17, 21, 25 new)",
        "largest difference of raw outputs: 0",
        "written: a.pt",
    ]
    assert json.loads(Path("a.json").read_text()) == json.loads(json.dumps(result.to_dict()))
    source, target = YOLO(weights), YOLO("yolo11n-ema.yaml")
    before = [tensor.clone() for tensor in (*source.model.parameters(), *target.model.parameters())]
    loaded = seed(target, source)
    assert loaded.out == Path("yolo11n-ema-seed.pt")
    assert loaded.report.fraction == 1
    assert all(map(torch.equal, before, (*source.model.parameters(), *target.model.parameters())))
    assert capsys.readouterr().out == ""  # a function prints nothing


def test_a_disk_that_is_full_is_one_message(weights, tmp_path, monkeypatch):
    def no_space(self, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(ArgumentError, match=r"seed\.pt can't be written: the disk is full"):
        seed("yolo11n-ema.yaml", weights, out=tmp_path / "seed.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_only_ultralytics_does_not_find(tmp_path, monkeypatch):
    """It removes apostrophes from paths, and would then ask the network for the rest."""

    def refuse(file):
        raise FileNotFoundError(file.replace("'", ""))

    monkeypatch.setattr("ultralytics.YOLO", refuse)
    file = tmp_path / "it's.pt"
    file.write_bytes(b"PK")
    with pytest.raises(CheckpointError, match=r"it's\.pt is there, but Ultralytics can't open it: .*its\.pt"):
        open_checkpoint(str(file))
