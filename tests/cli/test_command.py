# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ``yolo-fine`` command: verbs, arguments, and one message for a user's mistake."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import json
import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from ultralytics import YOLO

from tests.commands import FAST, main_of, pythons, yolo_fine
from tests.fixtures.checkpoints import save
from yolo_fine.cli import main
from yolo_fine.cli.extras import find_extras
from yolo_fine.cli.forward import with_keys
from yolo_fine.cli.help import EXIT_CODES
from yolo_fine.cli.inputs import check_inputs
from yolo_fine.cli.verbs import FORWARDED, VERBS
from yolo_fine.errors import DataError
from yolo_fine.utils.calls import parameters_of


def test_help_and_version(capsys):
    for words in ([], ["help"], ["--help"], ["-h"]):
        assert main(words) == 0
        printed = capsys.readouterr().out
        assert all(f"  {name} " in printed for name in VERBS)
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip()[0].isdigit()


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself(name, capsys):
    verb = VERBS[name]
    for words in ([*name.split(), "--help"], ["help", *name.split()], [*name.split(), "-h"]):
        assert main(words) == 0
    assert set((verb.bare or "").split()) <= set(parameters_of(verb.load()))
    printed = capsys.readouterr().out.split(f"yolo-fine {name}: ")[-1]
    for key, parameter in parameters_of(verb.load()).items():
        described = re.search(rf"^  {key}  \((.+)\)\n      (\S.+)$", printed, re.MULTILINE)
        assert described, f"{key} has no description"
        required = parameter.default is parameter.empty
        assert ("must be given" in described[1]) == required
    assert len(verb.examples) >= 2
    assert all(example.startswith(f"yolo-fine {name}") and example in printed for example in verb.examples)
    assert "Exit codes: 0 done, 1 checked and failed, 2 can't be done as asked." in printed
    assert "``" not in printed


def test_help_is_the_same_text_with_colours():
    from yolo_fine.cli.help import styled, verb_help

    text = verb_help("eval", VERBS["eval"])
    shown = styled(text)
    assert shown.plain == text
    marked = {text[span.start : span.end]: str(span.style) for span in shown.spans}
    assert marked["  imgsz"] == "cyan"
    assert marked["Examples:"] == "bold"
    assert marked["  yolo-fine eval best.pt VisDrone.yaml"] == "green"


def test_every_example_names_arguments_that_exist():
    for name, verb in VERBS.items():
        known = parameters_of(verb.load())
        for example in verb.examples:
            words = example.split()[1 + len(name.split()) :]
            keys = [word.partition("=")[0] for word in words if "=" in word]
            takes_more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(verb.load()).parameters.values())
            assert takes_more or set(keys) <= set(known), example
            bare = [word for word in words if "=" not in word and not word.startswith(">")]
            assert len(bare[: None if ">" not in words else -1]) <= len((verb.bare or "").split()), example


@pytest.mark.parametrize("name", VERBS)
def test_what_needs_no_key_needs_none_in_python(name):
    bare = (VERBS[name].bare or "").split()
    parameters = inspect.signature(VERBS[name].load()).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][: len(bare)] == bare


@pytest.mark.parametrize("name", FORWARDED)
def test_modes_of_ultralytics_are_explained_too(name, capsys):
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^  imgsz  \(int.*; default 640\)\n      \S", printed, re.MULTILINE)
    assert all(example in printed for example in FORWARDED[name][1])
    assert len(FORWARDED[name][1]) >= 2
    assert EXIT_CODES in printed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("train my.yaml data.yaml epochs=1", "train model=my.yaml data=data.yaml epochs=1"),
        ("train data=data.yaml my.yaml", "train data=data.yaml model=my.yaml"),
        ("val best.pt mine.yaml", "val model=best.pt data=mine.yaml"),
        ("predict yolo11n images show", "predict model=yolo11n source=images show"),
        ("predict detect best.pt https://a.b/c.jpg", "predict detect model=best.pt source=https://a.b/c.jpg"),
        ("track best.pt a.mp4 b.mp4", "track model=best.pt source=a.mp4 b.mp4"),
        ("detect predict best.pt", "detect predict best.pt"),
        ("settings runs.dir", "settings runs.dir"),
    ],
)
def test_files_without_keys_in_modes_of_ultralytics(typed, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    assert " ".join(with_keys(typed.split())) == meant


def test_blocks_are_listed_and_described(capsys, tmp_path):
    assert main(["blocks"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^FINE +231.6 +93 +identity +\w+ +Refine", listed, re.MULTILINE)
    assert "reconstruction" in listed
    assert main(["blocks", "EMA", f"json={tmp_path / 'ema.json'}"]) == 0
    assert "2305.13563" in capsys.readouterr().out
    assert json.loads((tmp_path / "ema.json").read_text())[0]["name"] == "EMA"


@pytest.mark.parametrize("name", ["FINE", "AFF"])
def test_a_block_reads_as_text(name, capsys):
    from yolo_fine.catalog import get_block

    assert main(["blocks", name]) == 0
    shown = capsys.readouterr().out
    assert not re.search(r"``|:[a-z]+:`", shown)
    signature, _, rest = shown.partition("\n  kind ")
    assert max(map(len, signature.splitlines())) <= 100
    assert rest
    assert re.sub(r"\(\s+", "(", " ".join(signature.split())) == get_block(name).signature


def test_models_are_measured_beside_stock(tmp_path, monkeypatch):
    from yolo_fine.integration import model_files

    few = {name: file for name, file in model_files.packaged_files("models").items() if name == "yolo11-fine.yaml"}
    monkeypatch.setattr("yolo_fine.costs.model_costs.packaged_files", lambda kind: few)
    assert main(["models", "scales=n", f"json={tmp_path / 'models.json'}"]) == 0
    (row,) = json.loads((tmp_path / "models.json").read_text())
    assert (row["model"], row["stock"]) == ("yolo11n-fine.yaml", "yolo11n.yaml")
    # FINE at P4 and P3 of the n model costs 0.200 GMACs and 0.446 M parameters (dossier of the authors' code)
    assert row["gflops"] - row["stock_gflops"] == pytest.approx(2 * 0.200, abs=0.02)
    assert row["parameters"] - row["stock_parameters"] == pytest.approx(0.446e6, rel=0.01)


def test_doctor_finds_this_environment_well(tmp_path):
    done = yolo_fine("doctor", f"json={tmp_path / 'doctor.json'}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "doctor.json").read_text())
    assert len(found["checks"]) >= 8
    assert not any(check["problem"] for check in found["checks"])
    extras = {extra["name"]: extra for extra in found["extras"]}
    assert set(extras) >= {"all", "export", "openvino", "sliced", "timm", "ray", "dev"}
    assert all(extra["purpose"] for extra in extras.values())
    for extra in extras.values():
        assert (extra["command"] in done.stdout) == bool(extra["missing"])


def test_doctor_names_what_is_missing(monkeypatch, capsys):
    here = importlib.metadata.version

    def version(name):
        if name in ("sahi", "onnx"):
            raise importlib.metadata.PackageNotFoundError(name)
        return here(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    extras = {extra.name: extra for extra in find_extras()}
    assert extras["sliced"].missing == ("sahi",)
    assert extras["sliced"].command == 'pip install "yolo-fine[sliced]"'
    assert extras["export"].missing == ("onnx",)
    assert set(extras["all"].missing) == {"sahi", "onnx"}


def test_a_missing_library_is_named_with_what_brings_it(tmp_path):
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    commands = [main_of("yolo-fine", *words) for words in (["doctor"], ["demo", "out=new"])]
    for done in pythons([f"import sys; sys.path.insert(0, '.')\n{code}" for code in commands], tmp_path):
        said = done.stdout + done.stderr
        assert done.returncode in (1, 2), said
        assert "libGL.so.1 is missing" in said
        assert "apt-get install -y libgl1 libglib2.0-0" in said
        assert "pip install opencv-python-headless" in said
        assert "Traceback" not in said


def test_doctor_says_when_start_up_files_are_off(monkeypatch, capsys):
    monkeypatch.setenv("YOLO_FINE_AUTOLOAD", "0")
    monkeypatch.setattr("yolo_fine.cli.doctor._upstream", list)  # not again
    assert main(["doctor"]) == 1
    expected = "FAIL  stock `yolo` learns the blocks by itself: start-up files are not run here"
    assert expected in capsys.readouterr().out


def test_rows_are_numbered_as_freeze_and_embed_count(tmp_path, capsys):
    from ultralytics import YOLO

    assert main(["models", "yolo11n-fine.yaml", "imgsz=64", f"json={tmp_path / 'rows.json'}"]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "rows.json").read_text())
    rows, network = found["rows"], YOLO("yolo11n-fine.yaml").model
    assert [row["name"] for row in rows] == [type(layer).__name__ for layer in network.model]
    for row, layer in zip(rows, network.model, strict=True):
        names = [name for name, _ in network.named_parameters() if name.startswith(f"model.{row['number']}.")]
        assert len(names) == len(list(layer.parameters()))
        assert row["parameters"] == sum(parameter.numel() for parameter in layer.parameters())
    assert [row["number"] for row in rows if row["is_ours"]] == [11, 15]
    assert [row["stock"] for row in rows if not row["is_ours"]] == list(range(24))
    assert rows[4]["shape"] == [128, 8, 8]
    assert "row 11 there is row 12 here" in said


def test_rows_of_a_checkpoint(tmp_path, capsys):
    from ultralytics import YOLO

    save(YOLO("yolov8n-ema.yaml"), tmp_path / "mine.pt")
    assert main(["models", str(tmp_path / "mine.pt"), "imgsz=64"]) == 0
    assert re.search(r"EMA .*new$", capsys.readouterr().out, re.MULTILINE)


MISTAKES = [
    (["demmo"], "unknown verb 'demmo'; did you mean demo"),
    (["blocks", "EMMA"], "unknown block 'EMMA'; did you mean EMA"),
    (["models", "scales=nz"], "scales='nz': name scale letters out of nsmlx"),
    (["models", "scale=n"], "unknown argument 'scale'; did you mean scales"),
    (["models", "yolo11n-fien.yaml"], "did you mean yolo11n-fine.yaml?"),
    (["help", "evla"], "unknown verb 'evla'; did you mean eval"),
    (["completion", "bsh"], "did you mean bash?"),
    (["models", "--scales", "n"], "'--scales': arguments are written key=value, without dashes"),
    (["demo", "epochs=many"], "argument 'epochs' must be int, got 'many'"),
    (["train", "model=yolo11n-fien.yaml"], "'yolo11n-fien.yaml' does not exist; did you mean yolo11n-fine.yaml?"),
    (["train", "model=yolo11n-fine.yaml", "data=nowhere.yaml"], "data=nowhere.yaml: "),
    (["train", "model=yolo11n-fine.yaml", "epoch=3"], "epoch"),
    (["val", "model=nowhere.pt"], "nowhere"),
    (["models", "yolo11n-fine"], "name=yolo11n-fine does not exist; did you mean yolo11n-fine.yaml?"),
    (["train", "model=yolo11n-fine"], "model=yolo11n-fine does not exist; did you mean yolo11n-fine.yaml?"),
    (["seed", "yolo11n-fine", "weights=x.pt"], "model=yolo11n-fine is no model YAML; did you mean yolo11n-fine.yaml?"),
    (["seed", "yolo11n.yaml", "weights=yolo11n-p2"], "weights=yolo11n-p2 is no checkpoint; "),
    (
        ["bench", "models", "names=yolo11n-fine"],
        "neither a model YAML nor a checkpoint; did you mean yolo11n-fine.yaml?",
    ),
]


def test_a_mistake_in_a_process_of_its_own(tmp_path):
    words, reason = MISTAKES[0]
    done = yolo_fine(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """How the command ends for each mistake, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("mistakes")
    return pythons([main_of("yolo-fine", *words) for words, _ in MISTAKES], folder), folder


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[reason for _, reason in MISTAKES])
def test_mistakes_end_in_one_message(number, ended):
    done, folder = ended[0][number], ended[1]
    reason = MISTAKES[number][1]
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"yolo-fine: {reason}" in done.stderr or reason in done.stderr
    assert not (folder / "runs").exists()


@pytest.fixture
def unlabelled(tiny_data, tmp_path):
    """A copy of the tiny set whose training labels are gone."""
    import shutil

    root = tmp_path / "unlabelled"
    shutil.copytree(tiny_data.parent, root)
    shutil.rmtree(root / "labels" / "train")
    for cache in root.rglob("*.cache"):
        cache.unlink()
    file = root / "tiny.yaml"
    file.write_text(file.read_text().replace(str(tiny_data.parent), str(root)))
    return file


def test_images_without_labels_are_refused_before_a_run_folder_exists(unlabelled, tmp_path):
    done = yolo_fine("train", "model=yolo11n-fine.yaml", f"data={unlabelled}", "epochs=1", *FAST, cwd=tmp_path)
    assert done.returncode == 2
    assert "none of the 4 images of 'train' has a label file" in done.stderr
    assert str(unlabelled.parent / "labels" / "train" / "0.txt") in done.stderr
    assert not (tmp_path / "runs").exists()


def test_validation_checks_the_split_that_it_is_asked_for(unlabelled):
    check_inputs(["val", f"data={unlabelled}"])
    with pytest.raises(DataError, match="none of the 4 images of 'train' has a label file"):
        check_inputs(["val", f"data={unlabelled}", "split=train"])


def test_a_truncated_checkpoint_is_refused(tmp_path, tiny_data):
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04" + bytes(100))
    asked = (["val", "model=broken.pt"], ["train", "model=yolo11n-fine.yaml", "pretrained=broken.pt"])
    for done in pythons([main_of("yolo-fine", *words, f"data={tiny_data}") for words in asked], tmp_path):
        assert done.returncode == 2
        assert "broken.pt: the file is truncated (104 bytes)" in done.stderr
        assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("mode", ["val", "predict"])
def test_images_of_other_bands_than_the_model_takes(mode, tmp_path, tiny_data):
    model = YOLO("yolo11n.yaml")
    model.model = type(model.model)("yolo11n.yaml", ch=4, nc=2, verbose=False)
    save(model, tmp_path / "bands.pt")
    words = {"val": [f"data={tiny_data}", "workers=0"], "predict": [f"source={tiny_data.parent}/images/val"]}[mode]
    done = yolo_fine(mode, f"model={tmp_path}/bands.pt", *words, "imgsz=64", "device=cpu", "plots=False", cwd=tmp_path)
    assert done.returncode == 2, done.stderr[-2000:]
    assert "yolo-fine: the model takes images of 4 bands, and is given 3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("words", [["version"], ["blocks"]])
def test_an_output_that_takes_no_more_is_one_message(monkeypatch, capsys, words):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(words) == 2
        monkeypatch.undo()
        with suppress(OSError):
            full.close()
    assert capsys.readouterr().err == "yolo-fine: the output can't be written: the disk is full\n"


def test_any_mode_of_ultralytics_is_forwarded(tmp_path, tiny_data):
    done = yolo_fine(
        "train", "model=yolo11n-ema.yaml", f"data={tiny_data}", "epochs=1", *FAST, cwd=tmp_path, YOLO_FINE_AUTOLOAD="0"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(tmp_path.rglob("best.pt"))) == 1
    (results,) = tmp_path.rglob("results.csv")
    assert "metrics/AP_small(B)" in results.read_text().splitlines()[0]
