# SPDX-License-Identifier: AGPL-3.0-or-later
"""Train, validate, predict, export and resume with the stock command, each in a fresh process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ultralytics import YOLO

import yolo_fine
from tests.commands import FAST, main_of, python, pythons, yolo
from yolo_fine.integration.versions import installed_version


def test_training_leaves_a_whole_run(trained):
    assert (trained / "weights" / "best.pt").is_file()
    assert (trained / "results.csv").read_text().count("\n") == 2


def test_the_checkpoint_says_what_it_needs(trained):
    assert YOLO(trained / "weights" / "best.pt").model.yaml["requires"] == [f"yolo-fine {yolo_fine.__version__}"]


def test_a_fresh_process_validates(trained, tiny_data):
    done = yolo("val", f"model={trained / 'weights/best.pt'}", f"data={tiny_data}", *FAST, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "mAP50" in done.stdout + done.stderr


def test_a_fresh_process_predicts(trained, tiny_data):
    source = tiny_data.parent / "images" / "val"
    done = yolo("predict", f"model={trained / 'weights/best.pt'}", f"source={source}", "imgsz=64", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("image ") + done.stderr.count("image ") >= 4


@pytest.mark.parametrize("autoload", ["1", "0"])
def test_a_checkpoint_brings_the_package_in_by_itself(trained, tiny_data, autoload):
    """Also where start-up files are off: unpickling imports the block, which arms the seam for training on."""
    code = (
        "import sys; from ultralytics import YOLO\n"
        f"model = YOLO({str(trained / 'weights/best.pt')!r})\n"
        f"model.train(data={str(tiny_data)!r}, epochs=1, imgsz=64, batch=4, workers=0, plots=False, amp=False, "
        "device='cpu', val=False)\n"
        "sys.exit(model.model.model[11].__class__.__name__ != 'FINE')"
    )
    done = python(code, trained, YOLO_FINE_AUTOLOAD=autoload)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(installed_version() < (8, 4, 100), reason="Ultralytics has the restricted load from 8.4.100 on")
def test_restricted_loading(trained, tiny_data):
    weights = f"model={trained / 'weights/best.pt'}"
    done = yolo("val", weights, f"data={tiny_data}", *FAST, cwd=trained, ULTRALYTICS_SAFE_LOAD="1")
    assert done.returncode == 0, done.stderr


def test_a_damaged_checkpoint_ends_in_one_message(trained, tiny_data, tmp_path):
    whole = (trained / "weights/best.pt").read_bytes()
    contents = {"truncated (": whole[: len(whole) // 2], "is empty": b"", "not a PyTorch checkpoint": b"no checkpoint"}
    files = [tmp_path / f"broken{number}.pt" for number in range(len(contents))]
    for file, content in zip(files, contents.values(), strict=True):
        file.write_bytes(content)
    ends = pythons([main_of("yolo", "val", f"model={file}", f"data={tiny_data}") for file in files], tmp_path)
    for file, reason, done in zip(files, contents, ends, strict=True):
        assert done.returncode == 1
        assert f"yolo_fine: {file}: the file" in done.stderr
        assert reason in done.stderr
        assert "Traceback" not in done.stderr


def test_killed_in_the_second_epoch_and_resumed(tmp_path, tiny_data):
    command = [
        str(Path(sys.executable).with_name("yolo")), "train", "model=yolo11n-fine.yaml", f"data={tiny_data}",
        "epochs=3", *FAST, f"project={tmp_path}", "name=run",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    last = tmp_path / "run" / "weights" / "last.pt"
    deadline = time.monotonic() + 120
    while not (last.is_file() and zipfile.is_zipfile(last)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)  # until the first epoch's weights are written whole: the second epoch begins
    process.send_signal(signal.SIGKILL)
    output = process.communicate()[0].decode(errors="replace")
    assert last.is_file(), output[-3000:]
    assert len((tmp_path / "run" / "results.csv").read_text().strip().splitlines()) == 1 + 1
    done = yolo("train", "resume=True", f"model={last}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = (tmp_path / "run" / "results.csv").read_text().strip().splitlines()
    assert len(rows) == 1 + 3


@pytest.mark.skipif(installed_version() < (8, 3, 253), reason="older releases ask for the onnxscript exporter")
@pytest.mark.parametrize("dynamic", [False, True])
def test_onnx_equals_torch(trained, dynamic):
    ort = pytest.importorskip("onnxruntime")
    import torch
    from ultralytics import YOLO

    weights = trained / "weights" / "best.pt"
    done = yolo("export", f"model={weights}", "format=onnx", "imgsz=64", f"dynamic={dynamic}", cwd=trained)
    assert done.returncode == 0, done.stderr[-3000:]
    session = ort.InferenceSession(str(weights.with_suffix(".onnx")), providers=["CPUExecutionProvider"])
    model = YOLO(weights).model.eval().float()
    for size in ((64, 64), (96, 160)) if dynamic else ((64, 64),):
        x = torch.rand(1, 3, *size)
        with torch.no_grad():
            expected = model(x)[0].numpy()
        (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() < 1e-3  # boxes are in pixels
