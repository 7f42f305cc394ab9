# SPDX-License-Identifier: AGPL-3.0-or-later
"""The evaluation as a whole: from files or a model to figures, a folder of results, a comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.commands import yolo_fine
from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.evaluation import run as run_module
from yolo_fine.evaluation.folder import free_folder
from yolo_fine.evaluation.run import evaluate
from yolo_fine.evaluation.visdrone_files import NAMES

SIZE = 128
FEW = {"resamples": 20}


@dataclass(frozen=True)
class Dataset:
    """Five pictures in VisDrone's layout, as ``yolo-fine data visdrone`` writes it, and a detector's files."""

    root: Path

    @property
    def yaml(self) -> str:
        return str(self.root / "data.yaml")

    @property
    def annotations(self) -> Path:
        return self.root / "annotations" / "val"

    def detections(self, name: str, shift: float = 0.0, share: float = 1.0) -> Path:
        """Result files that find ``share`` of the objects, each ``shift`` of its width to the right."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        for file in self.annotations.iterdir():
            rows = [line.split(",") for line in file.read_text().split()]
            found = [row for row in rows if row[5] != "0"][: max(1, round(share * len(rows)))]
            lines = [
                f"{float(row[0]) + shift * float(row[2])},{row[1]},{row[2]},{row[3]},{0.9 - 0.01 * i},{row[5]},-1,-1"
                for i, row in enumerate(found)
            ]
            (folder / file.name).write_text("\n".join(lines) + "\n")
        return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(0)
    for kind in ("images", "labels", "annotations"):
        (tmp_path / kind / "val").mkdir(parents=True)
    for index in range(5):
        picture = random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / "val" / f"{index}.png"), picture)
        rows, labels = ["0,0,20,20,0,0,0,0"], []
        for place in range(6):
            x, y, side = 24 + 16 * place, int(random.integers(24, 100)), int(random.integers(6, 14))
            kind = int(random.integers(0, 4))
            rows.append(f"{x},{y},{side},{side},1,{kind + 1},0,0")
            labels.append(f"{kind} {(x + side / 2) / SIZE} {(y + side / 2) / SIZE} {side / SIZE} {side / SIZE}")
        (tmp_path / "annotations" / "val" / f"{index}.txt").write_text("\r\n".join(rows) + "\r\n")
        (tmp_path / "labels" / "val" / f"{index}.txt").write_text("\n".join(labels) + "\n")
    content = {"path": str(tmp_path), "train": "images/val", "val": "images/val", "names": dict(enumerate(NAMES))}
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(content))
    return Dataset(tmp_path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained detector of VisDrone's classes: its boxes are noise, which is enough to go through everything."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml")
    model.model = type(model.model)("yolo11n.yaml", nc=len(NAMES), verbose=False)
    model.model.names = dict(enumerate(NAMES))
    file = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    model.save(file)
    return str(file)


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
    by_files = evaluate(annotations=dataset.annotations, detections=found, resamples=0).to_dict()
    assert 0 < by_data["coco"]["AP"] < 1
    for key in ("coco", "visdrone", "sizes", "per_class", "confusion", "errors"):
        assert by_data[key] == by_files[key]
    assert by_data["manifest"]["data"] == by_files["manifest"]["data"]


def test_labels_alone_have_no_visdrone_score(dataset: Dataset) -> None:
    found = dataset.detections("found")
    for file in dataset.annotations.iterdir():
        file.unlink()
    for file in found.iterdir():  # categories are the dataset's own classes now
        rows = [line.split(",") for line in file.read_text().split()]
        file.write_text("".join(",".join([*row[:5], str(int(row[5]) - 1), *row[6:]]) + "\n" for row in rows))
    result = evaluate(data=dataset.yaml, detections=found, resamples=0)
    assert result.visdrone is None
    assert result.coco is not None
    assert result.coco["AP"] == pytest.approx(1, abs=1e-12)
    with pytest.raises(ArgumentError, match=r"protocol=visdrone needs .*yolo-fine data visdrone"):
        evaluate(data=dataset.yaml, detections=found, protocol="visdrone")


def test_a_picture_without_annotations_is_named(dataset: Dataset) -> None:
    (dataset.annotations / "3.txt").unlink()
    with pytest.raises(DataError, match=r"1 of 5 pictures have no file in .*annotations.* 3\.png"):
        evaluate(data=dataset.yaml, detections=dataset.annotations)


def test_the_command_writes_a_report_and_both_inferences(dataset: Dataset, checkpoint: str, tmp_path: Path) -> None:
    words = [f"model={checkpoint}", f"data={dataset.yaml}", "imgsz=64", "slice=64", "whole=True", "max_det=30"]
    done = yolo_fine("eval", *words, "resamples=20", "device=cpu", "json=copy.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "runs/eval/report.html" in done.stdout
    written = json.loads((tmp_path / "runs" / "eval" / "eval.json").read_text())
    assert written == json.loads((tmp_path / "copy.json").read_text())
    assert {"coco", "visdrone", "sizes", "per_class", "intervals", "manifest", "speed", "whole"} <= written.keys()
    assert set(written["visdrone"]) == {"AP", "AP50", "AP75", "AR1", "AR10", "AR100", "AR500", "class_mean"}
    assert written["speed"]["total"] > 0
    assert written["whole"]["speed"]["total"] > 0
    assert len(written["manifest"]["model"]["sha256"]) == 64
    boxes = json.loads((tmp_path / "runs" / "eval" / "detections.json").read_text())
    assert 0 < len(boxes) <= 5 * 30
    page = (tmp_path / "runs" / "eval" / "report.html").read_text()
    assert "<html" in page
    assert page.rstrip().endswith("</html>")
    assert free_folder(tmp_path / "runs" / "eval") == tmp_path / "runs" / "eval2"


def test_an_interrupted_run_leaves_nothing_that_looks_finished(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, out = dataset.detections("found"), tmp_path / "out"
    evaluate(data=dataset.yaml, detections=found, out=out, **FEW)
    assert (out / "eval.json").is_file()

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "intervals", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(data=dataset.yaml, detections=found, out=out, **FEW)
    assert not out.exists()


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


def test_the_command_ends_in_one_line(dataset: Dataset, tmp_path: Path) -> None:
    for words, message in (
        (["annotations=nowhere", "detections=nowhere"], "annotations=nowhere: no such file or folder"),
        ([f"data={dataset.yaml}", "model=bset.pt"], "model=bset.pt does not exist"),
        ([f"data={dataset.yaml}", "model=yolo11n-fine.yaml"], "has no weights"),
        ([f"data={dataset.yaml}", "detections=nowhere", "protocol=visdron"], "did you mean visdrone"),
        ([f"data={dataset.yaml}", "detections=nowhere", "sizes=cocoa"], "did you mean"),
    ):
        done = yolo_fine("eval", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert message in done.stderr
        assert not (tmp_path / "runs" / "eval").exists()
