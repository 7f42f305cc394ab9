# SPDX-License-Identifier: AGPL-3.0-or-later
"""The evaluation as a whole: from files or a model to metrics, a folder of results, a comparison."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import yolo_fine
from tests.fixtures.visdrone_dataset import Dataset
from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, DataError, MissingFileError, YoloFineError
from yolo_fine.evaluation import run as run_module
from yolo_fine.evaluation.run import evaluate

FEW = {"resamples": 20}
FILES = ("eval.json", "report.html", "detections.json")


def test_files_of_a_perfect_detector_score_a_hundred(dataset: Dataset) -> None:
    result = evaluate(data=dataset.yaml, detections=dataset.detections("found"), **FEW)
    assert result.coco is not None
    assert result.visdrone is not None
    assert result.coco["AP"] == pytest.approx(1, abs=1e-12)
    assert result.visdrone["AP"] == pytest.approx(100, abs=1e-9)
    assert result.visdrone["class_mean"]["AP"] == pytest.approx(100, abs=1e-9)
    assert result.intervals["coco"]["AP"] == pytest.approx([1, 1], abs=1e-9)
    assert result.manifest["data"]["objects"] == 30
    assert [size.objects for size in result.sizes] == [30, 0, 0]


def test_annotations_say_the_same_as_the_dataset_they_lie_in(dataset: Dataset) -> None:
    found = dataset.detections("found", shift=0.15, share=0.7)
    by_data = evaluate(data=dataset.yaml, detections=found, resamples=0).to_dict()
    by_files = evaluate(annotations=str(dataset.annotations), detections=str(found), resamples=0).to_dict()
    assert 0 < by_data["coco"]["AP"] < 1
    for key in ("coco", "visdrone", "sizes", "per_class", "confusion", "errors"):
        assert by_data[key] == by_files[key]
    assert by_data["manifest"]["data"] == by_files["manifest"]["data"]


def test_labels_alone_have_no_visdrone_score(dataset: Dataset) -> None:
    found, counted_from_1 = dataset.detections("found"), dataset.detections("counted")
    for file in dataset.annotations.iterdir():
        file.unlink()
    for file in found.iterdir():  # categories are the dataset's own classes now
        rows = [line.split(",") for line in file.read_text().split()]
        file.write_text("".join(",".join([*row[:5], str(int(row[5]) - 1), *row[6:]]) + "\n" for row in rows))
    result = evaluate(data=dataset.yaml, detections=found, resamples=0)
    assert result.visdrone is None
    assert result.coco is not None
    assert result.coco["AP"] == pytest.approx(1, abs=1e-12)
    result = evaluate(data=dataset.yaml, detections=counted_from_1, resamples=0, first_category=1)
    assert result.coco is not None
    assert result.coco["AP"] == pytest.approx(1, abs=1e-12)
    by_evidence = evaluate(data=dataset.yaml, detections=counted_from_1, resamples=0)
    assert by_evidence.coco == result.coco
    assert "first_category=1" in by_evidence.manifest["notes"][0]
    with pytest.raises(ArgumentError, match=r"protocol=visdrone needs .*yolo-fine data visdrone"):
        evaluate(data=dataset.yaml, detections=found, protocol="visdrone")


def test_a_image_without_annotations_is_named(dataset: Dataset) -> None:
    (dataset.annotations / "3.txt").unlink()
    with pytest.raises(DataError, match=r"1 of 5 images have no file in .*annotations.* 3\.png"):
        evaluate(data=dataset.yaml, detections=dataset.annotations)


def test_the_command_writes_a_report_and_both_inferences(dataset: Dataset, checkpoint: str, tmp_path: Path) -> None:
    words = [f"model={checkpoint}", f"data={dataset.yaml}", "imgsz=64", "slice=64", "whole=True", "max_det=30"]
    done = yolo_fine("eval", *words, "resamples=20", "device=cpu", "json=copy.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "runs/eval/report.html" in done.stdout
    written = json.loads((tmp_path / "runs" / "eval" / "eval.json").read_text())
    assert written == json.loads((tmp_path / "copy.json").read_text())
    assert {
        "coco",
        "visdrone",
        "sizes",
        "per_class",
        "intervals",
        "manifest",
        "speed",
        "whole",
        "slicing",
    } <= written.keys()
    assert set(written["visdrone"]) == {"AP", "AP50", "AP75", "AR1", "AR10", "AR100", "AR500", "class_mean"}
    assert written["speed"]["total"] > 0
    assert written["whole"]["speed"]["total"] > 0
    assert len(written["manifest"]["model"]["sha256"]) == 64
    boxes = json.loads((tmp_path / "runs" / "eval" / "detections.json").read_text())
    assert 0 < len(boxes) <= 5 * 30
    page = (tmp_path / "runs" / "eval" / "report.html").read_text()
    assert "<html" in page
    assert page.rstrip().endswith("</html>")


def test_slices_against_whole_images_are_a_comparison_like_any_other(
    dataset: Dataset, checkpoint: str, tmp_path: Path
) -> None:
    """The differences are those of two evaluations that are compared, by size and with the same intervals."""
    how: dict[str, Any] = {
        "model": checkpoint,
        "data": dataset.yaml,
        "imgsz": 64,
        "max_det": 30,
        "device": "cpu",
        **FEW,
    }
    together = evaluate(slice=64, whole=True, **how)
    alone = evaluate(out=tmp_path / "whole", **how)
    apart = evaluate(slice=64, compare=tmp_path / "whole", **how)
    assert together.slicing is not None
    assert apart.comparison is not None
    assert together.slicing == {key: apart.comparison[key] for key in together.slicing}
    for name, one in together.slicing["coco"].items():
        pair = [metrics.coco and metrics.coco[name] for metrics in (together, alone)]
        assert one["difference"] == (None if None in pair else pytest.approx(pair[0] - pair[1]))
    assert {"AP_small", "AR_small"} <= together.slicing["coco"].keys()
    text = together.to_text()
    assert "verdict" in text
    limits = together.slicing["coco"]["AP_small"]
    assert f"{100 * limits['low']:+.2f} to {100 * limits['high']:+.2f}" in text
    assert evaluate(slice=64, whole=True, **{**how, "resamples": 0}).slicing is None


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_earlier_evaluation_stays_until_the_new_one_is_complete(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, out = dataset.detections("found"), tmp_path / "out"
    evaluate(data=dataset.yaml, detections=found, out=out, **FEW)
    (out / "notes.txt").write_text("mine")
    before = files_in(out)

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    for step in ("intervals", "write_report", "write_results"):
        with monkeypatch.context() as patch:
            patch.setattr(run_module, step, interrupted)
            with pytest.raises(KeyboardInterrupt):
                evaluate(data=dataset.yaml, detections=found, out=out, **FEW)
        assert files_in(out) == before
    for wrong in ({"detections": tmp_path / "nowhere"}, {"sizes": "0"}, {"compare": tmp_path / "nowhere"}):
        with pytest.raises(YoloFineError):
            evaluate(**{"data": dataset.yaml, "detections": found, "out": out, **FEW, **wrong})
        assert files_in(out) == before
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]
    result = evaluate(data=dataset.yaml, detections=found, out=str(out), resamples=0)
    assert result.folder == out
    after = files_in(out)
    assert after["notes.txt"] == b"mine"
    assert json.loads(after["eval.json"])["intervals"] == {}


def test_a_file_is_not_replaced_by_a_folder(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ArgumentError, match="out is a file"):
        evaluate(data=dataset.yaml, detections=dataset.detections("found"), out=tmp_path / "out", **FEW)
    assert (tmp_path / "out").read_text() == "mine"


def test_evaluations_at_one_time_get_a_folder_each(dataset: Dataset, tmp_path: Path) -> None:
    words = [f"data={dataset.yaml}", f"detections={dataset.detections('found')}", "resamples=0"]
    command = [sys.executable, "-m", "yolo_fine", "eval", *words]
    running = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    names = ["eval", "eval2", "eval3", "eval4"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == names
    for name in names:
        assert sum(f"written: runs/{name}/report.html" in text for text in said) == 1
        assert {path.name for path in (tmp_path / "runs" / name).iterdir()} == {*FILES, "visdrone"}


def test_nothing_is_printed(dataset: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evaluate(data=dataset.yaml, detections=dataset.detections("found"), out=tmp_path / "out", **FEW)
    assert capfd.readouterr() == ("", "")


def test_a_loaded_model_is_taken_as_it_is(dataset: Dataset, checkpoint: str, tmp_path: Path) -> None:
    from ultralytics import YOLO

    model = YOLO(checkpoint)
    how: dict[str, Any] = {"data": Path(dataset.yaml), "imgsz": 64, "device": "cpu", "resamples": 0}
    loaded = evaluate(model=model, multi_label=True, **how)
    by_path = evaluate(model=Path(checkpoint), multi_label=True, **how)
    assert loaded.coco == by_path.coco
    assert loaded.manifest["model"] == {"file": checkpoint, "sha256": None}  # the weights in memory may be others
    assert by_path.manifest["model"]["file"] == loaded.manifest["model"]["file"]
    assert loaded.manifest["arguments"]["model"] == "YOLO"
    json.dumps(loaded.to_dict(), allow_nan=False)
    assert model.predictor is None  # the next prediction of the user's is not one of ours
    with pytest.raises(ArgumentError, match="argument 'model' must be str or path or YOLO or None, got 5"):
        evaluate(model=5, data=dataset.yaml)  # type: ignore[arg-type]


def test_groups_are_drawn_and_recorded(dataset: Dataset, tmp_path: Path) -> None:
    how: dict[str, Any] = {"data": dataset.yaml, "detections": dataset.detections("found", shift=0.15), **FEW}
    result = evaluate(groups=r"([0-4])", out=tmp_path / "out", **how)
    assert result.manifest["groups"] == {"by": "([0-4])", "groups": 5, "effective_groups": 5}
    assert (result.intervals["groups"], result.intervals["effective_groups"]) == (5, 5)
    assert result.samples["visdrone"]["AP"].shape == (20,)
    (tmp_path / "clips.csv").write_text("image,group\n" + "".join(f"{n}.png,{n // 2}\n" for n in range(5)))
    result = evaluate(groups=tmp_path / "clips.csv", compare=tmp_path / "out", **how)
    assert result.intervals["reasons"]["coco"]["AP"] == "3 groups are too few"
    assert result.comparison is not None
    assert result.comparison["coco"]["AP"]["reason"] == "3 groups are too few"
    assert result.comparison["coco"]["AP"]["difference"] == 0
    with pytest.raises(ArgumentError, match="finds no group in 5 of 5 image names"):
        evaluate(groups="(x)", **how)


def test_other_arguments_of_the_model_are_named(dataset: Dataset, checkpoint: str, tmp_path: Path) -> None:
    how: dict[str, Any] = {"model": checkpoint, "data": dataset.yaml, "imgsz": 64, "device": "cpu", **FEW}
    evaluate(out=tmp_path / "out", conf=0.3, **how)
    result = evaluate(compare=tmp_path / "out", **how)
    assert result.comparison is not None
    assert result.comparison["differing"] == {"conf": [0.001, 0.3]}
    assert "different arguments: conf 0.001 here, 0.3 there." in result.to_text()


def test_compared_with_itself_nothing_differs(dataset: Dataset, tmp_path: Path) -> None:
    found = dataset.detections("found", shift=0.15, share=0.7)
    evaluate(data=dataset.yaml, detections=found, out=tmp_path / "out", **FEW)
    comparison = evaluate(data=dataset.yaml, detections=found, compare=tmp_path / "out", **FEW).comparison
    assert comparison is not None
    for protocol in ("coco", "visdrone"):
        defined = [one for one in comparison[protocol].values() if one["reason"] is None]
        assert defined
        for one in defined:
            assert (one["difference"], one["low"], one["high"], one["probability_positive"]) == (0, 0, 0, 0.5)


def test_a_comparison_says_what_is_beyond_noise(dataset: Dataset, tmp_path: Path) -> None:
    better, worse = dataset.detections("better"), dataset.detections("worse", shift=0.2)
    evaluate(data=dataset.yaml, detections=worse, out=tmp_path / "worse", **FEW)
    other = tmp_path / "worse" / "eval.json"
    same = evaluate(data=dataset.yaml, detections=worse, compare=other, resamples=200).comparison
    assert same is not None
    assert same["coco"]["AP"]["difference"] == 0
    assert not same["coco"]["AP"]["beyond_noise"]
    found = evaluate(data=dataset.yaml, detections=better, compare=other, resamples=200).comparison
    assert found is not None
    assert found["coco"]["AP"]["difference"] > 0.1
    assert found["coco"]["AP"]["beyond_noise"]
    assert found["visdrone"]["AP"]["low"] > 0
    assert any(line.startswith("COCO AP rose by") and line.endswith("beyond noise") for line in found["words"])


def test_another_measurement_is_not_compared(dataset: Dataset, tmp_path: Path) -> None:
    found = dataset.detections("found")
    evaluate(data=dataset.yaml, detections=found, out=tmp_path / "one", **FEW)
    other = tmp_path / "one" / "eval.json"
    with pytest.raises(ArgumentError, match=r"max_det \(100 here, 500 there\)"):
        evaluate(data=dataset.yaml, detections=found, compare=other, max_det=100)
    with pytest.raises(ArgumentError, match=r"the size bins \(aitod here, coco there\)"):
        evaluate(data=dataset.yaml, detections=found, compare=other, sizes="aitod")
    with pytest.raises(ArgumentError, match="the protocols"):
        evaluate(data=dataset.yaml, detections=found, compare=other, protocol="coco")
    file = dataset.annotations / "0.txt"
    file.write_text(file.read_text().replace("1,0,0", "1,0,0", 1) + "50,50,9,9,1,4,0,0\n")
    with pytest.raises(ArgumentError, match="the annotated objects"):
        evaluate(data=dataset.yaml, detections=found, compare=other)
    (tmp_path / "one" / "detections.json").unlink()
    with pytest.raises(MissingFileError, match=r"nowhere.*does not exist"):
        evaluate(data=dataset.yaml, detections=found, compare=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "boxes come from model=best.pt or from detections=.*neither"),
        ({"model": "a.pt", "detections": Path("b")}, "boxes come from .*both"),
        ({"detections": Path("b")}, "objects come from .*neither"),
        ({"detections": Path("b"), "data": "a.yaml", "annotations": Path("c")}, "objects come from .*both"),
        ({"model": "a.pt", "data": "a.yaml", "conf": 1.5}, "conf=1.5 must be from 0 to 1"),
        ({"model": "a.pt", "data": "a.yaml", "max_det": 0}, "max_det=0 must be 1 or more"),
        ({"model": "a.pt", "data": "a.yaml", "slice": 640, "overlap": 1.0}, "overlap=1.0 must be from 0 to below 1"),
        ({"model": "a.pt", "data": "a.yaml", "whole": True}, "give slice=640 too"),
        ({"detections": Path("b"), "data": "a.yaml", "slice": 640}, "slice=640 needs a model="),
        ({"model": "a.pt", "data": "a.yaml", "compare": Path("c"), "resamples": 0}, "compare= needs resamples"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        evaluate(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["annotations=nowhere", "detections=nowhere"], "annotations=nowhere: no such file or folder"),
        (["model=bset.pt"], "model=bset.pt does not exist"),
        (["model=yolo11n-fine.yaml"], "has no weights"),
        (["detections=nowhere", "protocol=visdron"], "did you mean visdrone"),
        (["detections=nowhere", "sizes=cocoa"], "did you mean"),
        (["detections=nowhere", "conff=1"], "did you mean"),
    ],
)
def test_the_command_ends_in_one_line(
    dataset: Dataset,
    tmp_path: Path,
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    data = [] if words[0].startswith("annotations") else [f"data={dataset.yaml}"]
    assert main(["eval", *data, *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
