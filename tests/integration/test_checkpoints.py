# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints that can't be used end in one message, in every verb, before a run folder exists."""

from __future__ import annotations

import os
import pickle
import sys
import types
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from ultralytics import YOLO

from yolo_fine.cli import main
from yolo_fine.errors import CheckpointError
from yolo_fine.integration.checkpoint_errors import classes_in, looks_loadable
from yolo_fine.integration.checkpoints import check_loadable, nearest_weights, official_file, open_checkpoint
from yolo_fine.integration.versions import installed_version

tasks = pytest.importorskip("ultralytics.nn.tasks")
CONV = "ultralytics.nn.modules.conv"
MISSING = f"its class SpaceShift ({CONV}) is not in this Ultralytics: the file comes from a fork"


class SpaceShift(nn.Module):
    """A layer that only a fork has."""


def save_with(layer_class: type, module: str, file: Path, **values: object) -> Path:
    """A checkpoint whose pickle names a class of a module that will not have it."""
    owner, made = sys.modules.get(module), module not in sys.modules
    if made:
        owner = sys.modules[module] = types.ModuleType(module)
    layer_class.__module__, layer_class.__qualname__ = module, layer_class.__name__
    setattr(owner, layer_class.__name__, layer_class)
    try:
        model = tasks.DetectionModel("yolov8n.yaml", verbose=False)
        model.model[3].extra = layer_class()
        torch.save({"model": model, "train_args": {"task": "detect"}, **values}, file)
    finally:
        delattr(owner, layer_class.__name__)
        if made:
            del sys.modules[module]
    return file


@pytest.fixture
def fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a fork's checkpoint, ``fork.pt``."""
    monkeypatch.chdir(tmp_path)
    return save_with(SpaceShift, CONV, tmp_path / "fork.pt")


def explode() -> None:
    raise AssertionError("it was unpickled")


class Bomb:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> object:
        return explode, ()


VERBS = {
    "eval": ["eval", "model=fork.pt", "data={data}", "out=o"],
    "seed": ["seed", "model=yolov8n-ema.yaml", "weights=fork.pt", "out=s.pt"],
    "export": ["export", "model=fork.pt"],
    "val": ["val", "model=fork.pt", "data={data}"],
    "predict": ["predict", "model=fork.pt", "source=x.jpg"],
    "train our": ["train", "model=yolov8n-ema.yaml", "pretrained=fork.pt", "data={data}", "project=r"],
    "train stock": ["train", "model=yolov8n.yaml", "pretrained=fork.pt", "data={data}", "project=r"],
    "train it": ["train", "model=fork.pt", "data={data}", "project=r"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_forks_checkpoint(fork: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([word.format(data=tiny_data) for word in VERBS[verb]]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"yolo-fine: fork.pt: {MISSING}"
    assert [file.name for file in fork.parent.iterdir()] == ["fork.pt"]


@pytest.mark.parametrize("model", ["yolov8n.yaml", "yolov8n-ema.yaml"])
@pytest.mark.parametrize("argument", ["pretrained", "resume"])
def test_stock_training_refuses_it_before_it_makes_a_folder(fork: Path, tiny_data: Path, model, argument) -> None:
    with pytest.raises(CheckpointError, match="the file comes from a fork"):
        YOLO(model).train(**{argument: str(fork)}, data=str(tiny_data), epochs=1, imgsz=64, project="r")
    assert not Path("r").exists()
    assert not Path("runs").exists()


def test_what_else_a_missing_class_may_mean(tmp_path: Path) -> None:
    newer = save_with(SpaceShift, CONV, tmp_path / "newer.pt", version="99.1.0")
    with pytest.raises(CheckpointError, match=r"comes from a fork, or from a newer Ultralytics$"):
        YOLO(newer)
    older = save_with(SpaceShift, CONV, tmp_path / "older.pt", version="8.0.0")
    with pytest.raises(CheckpointError, match=r"comes from a fork$"):
        YOLO(older)
    package = save_with(SpaceShift, "models_of_somebody", tmp_path / "package.pt")
    with pytest.raises(CheckpointError, match="no package 'models_of_somebody' is here: the file comes from a fork"):
        YOLO(package)
    noted = save_with(SpaceShift, "yolo_fine.blocks.fine", tmp_path / "noted.pt", requires=["yolo-fine 9.1.0rc2"])
    with pytest.raises(CheckpointError, match=r"was written with yolo-fine 9\.1\.0rc2$"):
        YOLO(noted)
    other = save_with(SpaceShift, "json", tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not in the json that is installed here: the file was written"):
        YOLO(other)


def test_a_file_without_a_model(tmp_path: Path) -> None:
    layer = nn.Conv2d(1, 1, 1)
    for number, content in enumerate(({"model": layer.state_dict(), "epoch": 3}, layer.state_dict(), {})):
        file = tmp_path / f"{number}.pt"
        torch.save(content, file)
        assert not looks_loadable(file)
        with pytest.raises(CheckpointError, match=rf"{number}\.pt: the file holds no Ultralytics model"):
            YOLO(file)


@pytest.mark.skipif(installed_version() < (8, 4, 100), reason="there is no restricted loading")
def test_restricted_loading_says_that_it_is_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SAFE_LOAD", True)
    model = tasks.DetectionModel("yolov8n-ema.yaml", verbose=False)
    torch.save({"model": model, "train_args": {"task": "detect"}}, tmp_path / "ours.pt")
    assert YOLO(tmp_path / "ours.pt").task == "detect"
    own = save_with(SpaceShift, "models_of_somebody", tmp_path / "own.pt")
    for action in (YOLO, lambda file: YOLO("yolov8n.yaml").train(pretrained=file, project=str(tmp_path / "r"))):
        with pytest.raises(CheckpointError) as caught:
            action(own)
        assert "own.pt: restricted loading (ULTRALYTICS_SAFE_LOAD) refuses it" in str(caught.value)
        assert "among them models_of_somebody.SpaceShift" in str(caught.value)
    assert not (tmp_path / "r").exists()
    with pytest.raises(CheckpointError, match="the file comes from a fork"):
        YOLO(save_with(SpaceShift, CONV, tmp_path / "fork.pt"))


@pytest.mark.parametrize("verb", ["predict", "export", "val"])
def test_weights_that_are_in_a_run(tmp_path: Path, tiny_data: Path, monkeypatch, capsys, verb: str) -> None:
    monkeypatch.chdir(tmp_path)
    for number, run in enumerate(("train", "train3", "train2")):
        file = Path("runs/detect", run, "weights", "best.pt")
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        os.utime(file, (number, number))
    assert main([verb, "model=best.pt", *([f"data={tiny_data}"] if verb == "val" else [])]) == 2
    newest = Path("runs/detect/train2/weights/best.pt")
    assert f"does not exist; the newest best.pt of a run is {newest}" in capsys.readouterr().err


def test_names_without_a_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stock = pytest.importorskip("ultralytics.utils.checks").check_model_file_from_stem
    for name in ("yolo11n", "yolov8n-seg", "mine", "yolo11n.pt", "yolo11n.yaml", "runs/best"):
        assert official_file(name) == str(stock(name))
    Path("mine.pt").write_bytes(b"")
    Path("runs/train").mkdir(parents=True)
    Path("runs/train/best.pt").write_bytes(b"")
    said = {"mine": "mine.pt?", "mien": "mine.pt?", "yolo11n-fine": "yolo11n-fine.yaml?", "best": "train/best.pt"}
    for name, meant in said.items():
        assert nearest_weights(Path(name)).endswith(meant)
    assert nearest_weights(Path("anything at all")) == ""


def test_classes_are_read_without_unpickling() -> None:
    for protocol in (2, 4):
        content = pickle.dumps({"a": Bomb(), "b": Bomb()}, protocol=protocol)
        assert classes_in(content) == [(__name__, "explode")]
    two = pickle.dumps(1, protocol=2) + pickle.dumps(Path("x"), protocol=2)
    assert any(name.endswith("Path") for _, name in classes_in(two))
    assert classes_in(b"\x80\x02garbage") == []
    assert classes_in(b"") == []


def test_good_weights_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yolo_fine.integration import checkpoints

    torch.save({"model": tasks.DetectionModel("yolov8n-ema.yaml", verbose=False)}, tmp_path / "n.pt")
    monkeypatch.setattr(tasks, "torch_safe_load", None)
    checkpoints.check_loadable(tmp_path / "n.pt")
    checkpoints.check_loadable(tmp_path / "not_there.pt")


def flipped(file: Path) -> None:
    """Some bytes in the middle of a checkpoint's pickle are others."""
    torch.save({"model": nn.Conv2d(4, 4, 3), "names": ["thing"] * 500}, file)
    content = bytearray(file.read_bytes())
    content[600:640] = bytes(40)
    file.write_bytes(content)


def other_archive(file: Path) -> None:
    """A zip archive of something else."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "hello")


ODD_FILES = {
    "a list": (lambda file: torch.save([1, 2], file), "no checkpoint of a model"),
    "a tensor": (lambda file: torch.save(torch.zeros(3), file), "no checkpoint of a model"),
    "a bare layer": (lambda file: torch.save(nn.Conv2d(1, 1, 1), file), "no checkpoint of a model"),
    "an old pickle": (lambda file: file.write_bytes(pickle.dumps({"a": 1})), "no checkpoint of a model"),
    "an empty dictionary": (lambda file: torch.save({}, file), "holds no Ultralytics model"),
    "nothing": (lambda file: file.touch(), "the file is empty"),
    "zeros": (lambda file: file.write_bytes(bytes(999)), "not a PyTorch checkpoint"),
    "flipped bytes": (flipped, "the file is damaged"),
    "another archive": (other_archive, "no checkpoint of a model"),
    "TorchScript": (lambda file: torch.jit.save(torch.jit.script(nn.Conv2d(1, 1, 1)), file), "odd.pt"),
    "a folder": (lambda file: file.mkdir(), "this is a folder"),
    "a link to itself": (lambda file: file.symlink_to(file), "which can't be followed"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_files_that_are_no_checkpoint(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, said = ODD_FILES[kind]
    make(Path("odd.pt"))
    for use in (lambda: check_loadable(Path("odd.pt")), lambda: open_checkpoint("odd.pt")):
        with pytest.raises(CheckpointError, match=said) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_missing_weights_are_no_fault_of_the_result_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "model=gone.pt", f"data={tiny_data}", "out=o"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("yolo-fine: model=gone.pt does not exist")
    assert not list(tmp_path.iterdir())
