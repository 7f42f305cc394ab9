# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ``yolo-fine`` command: verbs, arguments, and one message for a user's mistake."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from tests.commands import FAST, main_of, pythons, yolo_fine
from yolo_fine.cli import main
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


@pytest.mark.parametrize("name", FORWARDED)
def test_modes_of_ultralytics_are_explained_too(name, capsys):
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^  imgsz  \(int.*; default 640\)\n      \S", printed, re.MULTILINE)
    assert all(example in printed for example in FORWARDED[name][1])
    assert len(FORWARDED[name][1]) >= 2
    assert EXIT_CODES in printed


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
    findings = json.loads((tmp_path / "doctor.json").read_text())
    assert len(findings) >= 8
    assert not any(finding["problem"] for finding in findings)


def test_doctor_says_when_start_up_files_are_off(tmp_path):
    done = yolo_fine("doctor", cwd=tmp_path, YOLO_FINE_AUTOLOAD="0")
    assert done.returncode == 1
    assert "FAIL  stock `yolo` learns the blocks by itself: start-up files are not run here" in done.stdout


MISTAKES = [
    (["demmo"], "unknown verb 'demmo'; did you mean demo"),
    (["blocks", "EMMA"], "unknown block 'EMMA'; did you mean EMA"),
    (["models", "scales=nz"], "scales='nz': name scale letters out of nsmlx"),
    (["models", "scale=n"], "unknown argument 'scale'; did you mean scales"),
    (["models", "--scales", "n"], "'--scales': arguments are written key=value, without dashes"),
    (["demo", "epochs=many"], "argument 'epochs' must be int, got 'many'"),
    (["train", "model=yolo11n-fien.yaml"], "'yolo11n-fien.yaml' does not exist; did you mean yolo11n-fine.yaml?"),
    (["train", "model=yolo11n-fine.yaml", "data=nowhere.yaml"], "data=nowhere.yaml: "),
    (["train", "model=yolo11n-fine.yaml", "epoch=3"], "epoch"),
    (["val", "model=nowhere.pt"], "nowhere"),
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


def test_any_mode_of_ultralytics_is_forwarded(tmp_path, tiny_data):
    done = yolo_fine(
        "train", "model=yolo11n-ema.yaml", f"data={tiny_data}", "epochs=1", *FAST, cwd=tmp_path, YOLO_FINE_AUTOLOAD="0"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(tmp_path.rglob("best.pt"))) == 1
    (results,) = tmp_path.rglob("results.csv")
    assert "metrics/AP_small(B)" in results.read_text().splitlines()[0]
