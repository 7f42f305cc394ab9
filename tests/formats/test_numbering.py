# SPDX-License-Identifier: AGPL-3.0-or-later
"""Results whose classes are numbered otherwise than the annotations': read right, or asked about."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolo_fine.errors import DataError
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.doubts import notes_on
from yolo_fine.evaluation.run import evaluate
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.evaluation.sources import from_annotations, from_results
from yolo_fine.formats.coco_files import read_instances, read_results
from yolo_fine.formats.objects import GroundTruth

IMAGES, OBJECTS = 8, 6
NAMES = ("gull", "seal", "crab")


class Scene:
    """Objects of three classes, numbered as the test says, and the boxes of a good detector, numbered otherwise."""

    def __init__(self, folder: Path, numbers: tuple[int, ...], extra: tuple[tuple[int, str], ...] = ()) -> None:
        random = np.random.default_rng(0)
        self.folder, self.boxes = folder, []
        annotations = []
        for image in range(IMAGES):
            places = random.permutation(16)[:OBJECTS]
            for place in places.tolist():
                box = [80.0 * (place % 4) + 5, 60.0 * (place // 4) + 5, *random.uniform(20, 50, 2).round(1).tolist()]
                kind = int(random.integers(3))
                annotations.append({"image_id": image, "category_id": numbers[kind], "bbox": box})
                shifted = [box[0] + random.normal(), box[1] + random.normal(), *box[2:]]
                self.boxes.append((image, kind, shifted, float(random.uniform(0.3, 0.9))))
        images = [{"id": i, "file_name": f"s{i}.jpg", "width": 320, "height": 240} for i in range(IMAGES)]
        categories = [{"id": n, "name": name} for n, name in [*extra, *zip(numbers, NAMES, strict=True)]]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (folder / "instances.json").write_text(json.dumps(content))
        self.truth = read_instances(folder / "instances.json")

    def results(self, numbers: tuple[int, ...], boxes: list | None = None, **extra: object) -> Path:
        rows = [
            {"image_id": image, "category_id": numbers[kind], "bbox": box, "score": score, **extra}
            for image, kind, box, score in (self.boxes if boxes is None else boxes)
        ]
        if "file_name" in extra:
            rows = [{**row, "file_name": f"s{row['image_id']}.jpg"} for row in rows]
        file = self.folder / "results.json"
        file.write_text(json.dumps(rows))
        return file

    def ap(self, found) -> float:
        ap = evaluate_coco(self.truth, found, parse_sizes("coco"), max_det=100).metrics["AP"]
        assert ap is not None
        return ap

    def right(self) -> float:
        """AP of the boxes with the annotations' own numbers."""
        return self.ap(read_results(self.results(tuple(sorted(set(self.truth.category.tolist())))), self.truth))


def test_a_category_that_the_objects_never_use(tmp_path):
    """Roboflow's export has its supercategory as category 0; Ultralytics writes the three others from 1."""
    scene = Scene(tmp_path, (1, 2, 3), extra=((0, "coast"),))
    right = scene.right()
    assert right > 0.6
    for extra in ({}, {"file_name": ""}):
        found = read_results(scene.results((1, 2, 3), **extra), scene.truth)
        assert scene.ap(found) == right
        assert found.notes == ()
    counted = read_results(scene.results((0, 1, 2)), scene.truth)  # the model has learnt three classes, from 0
    assert scene.ap(counted) == right
    assert "first_category=-1" in counted.notes[0]
    assert scene.ap(read_results(scene.results((0, 1, 2)), scene.truth, first_category=-1)) == right
    assert scene.ap(read_results(scene.results((0, 1, 2)), scene.truth, first_category=0)) < 0.2


@pytest.mark.parametrize("written", [(0, 1, 2), (1, 2, 3)])
def test_numbers_of_yolo_labels(tmp_path, written):
    """Classes 0 to n - 1, and a list that counts from 0, or from 1 as Ultralytics writes."""
    scene = Scene(tmp_path, (0, 1, 2))
    right = scene.right()
    assert scene.ap(read_results(scene.results(written), scene.truth)) == right
    fewer = [box for box in scene.boxes if box[1] == 1]  # neither 0 nor 3 occurs
    found = read_results(scene.results(written, boxes=fewer), scene.truth)
    assert set(found.category.tolist()) == {1}
    assert bool(found.notes) == (written[0] == 1)
    found = read_results(scene.results(written, boxes=fewer, file_name=""), scene.truth)
    assert set(found.category.tolist()) == {1}
    assert found.notes == ()


@pytest.mark.parametrize(
    ("numbers", "written", "first"),
    [((1, 2, 3), (0, 1, 2), 0), ((3, 7, 20), (0, 1, 2), 0), ((3, 7, 20), (1, 2, 3), 1), ((2, 3, 4), (1, 2, 3), 1)],
)
def test_numbers_that_do_not_stand_as_they_are(tmp_path, numbers, written, first):
    scene = Scene(tmp_path, numbers)
    right = scene.right()
    file = scene.results(written)
    with pytest.raises(DataError, match=rf"say how the results count them: first_category={first} \(4\d boxes"):
        read_results(file, scene.truth)
    assert scene.ap(read_results(file, scene.truth, first_category=first)) == right


def test_evidence_against_numbers_that_would_stand(tmp_path):
    """Classes 1, 2, 3 and boxes that count from 0, none of the first class: 1 and 2 are classes, but others."""
    scene = Scene(tmp_path, (1, 2, 3))
    fewer = [box for box in scene.boxes if box[1] > 0]
    file = scene.results((0, 1, 2), boxes=fewer)
    with pytest.raises(
        DataError, match=r"first_category=0 \(\d+ boxes .* or first_category=1 \(as they stand, 0 boxes"
    ):
        read_results(file, scene.truth)
    assert set(read_results(file, scene.truth, first_category=0).category.tolist()) == {2, 3}
    assert set(read_results(file, scene.truth, first_category=1).category.tolist()) == {1, 2}


def test_without_evidence_numbers_stand(tmp_path):
    """Boxes that lie on nothing say nothing: COCO's numbers are taken as pycocotools takes them."""
    scene = Scene(tmp_path, (1, 2, 3))
    nowhere = [(image, kind, [300, 230, 5, 5], score) for image, kind, _, score in scene.boxes if kind < 2]
    assert set(read_results(scene.results((1, 2, 3), boxes=nowhere), scene.truth).category.tolist()) == {1, 2}
    counted_from_0 = Scene(tmp_path, (0, 1, 2))
    nowhere = [(image, kind, [300, 230, 5, 5], score) for image, kind, _, score in scene.boxes if kind == 1]
    with pytest.raises(DataError, match=r"first_category=0 \(as they stand, 0 boxes.* or first_category=1 \(0 boxes"):
        read_results(counted_from_0.results((0, 1, 2), boxes=nowhere), counted_from_0.truth)


# --- folders of text files ----------------------------------------------------------------------------


def text_folder(scene: Scene, numbers: tuple[int, ...], rows=lambda box: box, only=(0, 1, 2)) -> Path:
    folder = scene.folder / "detections"
    folder.mkdir(exist_ok=True)
    for image in range(IMAGES):
        lines = [
            ",".join(map(str, [*rows(box), score, numbers[kind], -1, -1]))
            for i, kind, box, score in scene.boxes
            if i == image and kind in only
        ]
        (folder / f"s{image}.txt").write_text("\n".join(lines or ["0,0,1,1,0,0,-1,-1"]) + "\n")
    return folder


def visdrone_folder(scene: Scene) -> Path:
    """The objects as a VisDrone annotation folder: classes from 1, and an ignored region."""
    folder = scene.folder / "annotations"
    folder.mkdir(exist_ok=True)
    truth: GroundTruth = scene.truth
    for image, name in enumerate(truth.names):
        here = truth.image == image
        rows = zip(truth.boxes[here].tolist(), truth.category[here].tolist(), strict=True)
        lines = [f"{x},{y},{w},{h},1,{category},0,0" for (x, y, w, h), category in rows]
        (folder / f"{name}.txt").write_text("\n".join([*lines, "300,220,9,9,0,0,0,0"]))
    (scene.folder / "sizes.txt").write_text("".join(f"{name} 320 240\n" for name in truth.names))
    return folder


def test_visdrone_folders_that_count_from_0(tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    annotations = visdrone_folder(scene)
    right = evaluate(annotations=annotations, detections=text_folder(scene, (1, 2, 3)), resamples=0)
    assert right.manifest["notes"] == []
    assert right.visdrone["AP"] > 60
    counted = text_folder(scene, (0, 1, 2))
    with pytest.raises(DataError, match=r"detections: classes are numbered 0, 1, 2, .*first_category=0 \(4\d boxes"):
        evaluate(annotations=annotations, detections=counted, resamples=0)
    again = evaluate(annotations=annotations, detections=counted, resamples=0, first_category=0)
    assert again.visdrone == right.visdrone
    assert again.coco == right.coco


def test_visdrone_rows_of_no_class_stay(tmp_path):
    """Numbers such as 0 and 11 are no evidence: they take places under VisDrone's limits, as in the official tool."""
    scene = Scene(tmp_path, (1, 2, 3))
    visdrone_folder(scene)
    source = from_annotations(scene.folder / "annotations")
    found = from_results(text_folder(scene, (1, 11, 3)), source.truth)
    assert set(found.category.tolist()) == {1, 3, 11}
    found = from_results(text_folder(scene, (1, 2, 3), only=(0,)), source.truth)  # images without a box have a row of 0
    assert set(found.category.tolist()) == {0, 1}


def test_visdrone_rows_on_yolo_labels(tmp_path):
    scene = Scene(tmp_path, (0, 1, 2))
    for numbers in ((0, 1, 2), (1, 2, 3)):
        found = from_results(text_folder(scene, numbers), scene.truth)
        assert scene.ap(found) == scene.right()
    found = from_results(text_folder(scene, (1, 2, 3), only=(0, 1)), scene.truth)  # with rows of 0 for no detection
    kinds = [kind for _, kind, _, _ in scene.boxes if kind < 2]
    assert sorted(found.category[found.score > 0].tolist()) == sorted(kinds)


# --- boxes of another form ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]], r"corners x1, y1, x2, y2 \(\d+% would leave"),
        (lambda box: [box[0] / 320, box[1] / 240, box[2] / 320, box[3] / 240], "shares of the image"),
        (lambda box: [box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]], "centre x, centre y, width, height:"),
        (lambda box: [box[1], box[0], box[3], box[2]], r"y before x \(top, left, height, width\):"),
        (lambda box: [2 * side for side in box], "pixels of the image resized to 640:"),
        (lambda box: [2 * box[0], 2 * box[1] + 80, *(2 * s for s in box[2:])], "pixels .* resized and padded to 640"),
        (lambda box: [box[0] + 0.5, box[1], box[2], box[3]], None),
    ],
)
def test_form_of_boxes(tmp_path, rows, note):
    scene = Scene(tmp_path, (1, 2, 3))
    result = evaluate(annotations=visdrone_folder(scene), detections=text_folder(scene, (1, 2, 3), rows), resamples=0)
    notes = " ".join(result.manifest["notes"])
    if note is None:
        assert notes == ""
    else:
        assert re.search(f"the detected boxes look like {note}", notes)
        assert result.visdrone["AP"] < 10


def test_classes_that_lie_on_no_object_of_theirs(tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    wrong = [(image, (kind + 1) % 3, box, score) for image, kind, box, score in scene.boxes]
    file = scene.results((1, 2, 3), boxes=wrong)
    result = evaluate(annotations=tmp_path / "instances.json", detections=file, resamples=0)
    assert result.coco["AP"] == 0
    classes, overlap = result.manifest["notes"]
    assert "48 detected boxes of a sample lie on objects of another class, most often 1 gull on 3 crab" in classes
    assert "no detected box overlaps an object of its class" in overlap


def test_no_detections_at_all_are_told(tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    none = scene.results((1, 2, 3), boxes=[])
    result = evaluate(annotations=tmp_path / "instances.json", detections=none, resamples=0)
    assert result.coco["AP"] == 0
    assert result.manifest["notes"] == ["there are no detections, so that every object is missed"]


def test_detections_of_other_images(tmp_path):
    """Some boxes lie on objects by chance."""
    scene = Scene(tmp_path, (1, 2, 3))
    far = [(image, kind, [300, 200 + n / 50, 5, 5], 1 / (2 + n)) for n, (image, kind, *_) in enumerate(scene.boxes * 9)]
    few, many = (read_results(scene.results((1, 2, 3), boxes=scene.boxes[:n] + far), scene.truth) for n in (1, 9))
    (note,) = notes_on(many_times(scene.truth, 3), few)
    assert re.match(r"only [12] of \d+ detected boxes of a sample overlap an object of their class by half", note)
    assert notes_on(many_times(scene.truth, 3), many) == []


def twice(found):
    """As a file that was put together of two runs."""
    columns = {name: np.repeat(getattr(found, name), 2, axis=0) for name in ("image", "boxes", "category", "score")}
    return replace(found, **columns)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: replace(found, score=found.score * 100), "scores reach from .* not from 0 to 1"),
        (lambda found: replace(found, score=np.ones(len(found))), "all detections have the score 1: AP then depends"),
        (twice, "48 of 96 detections of a sample are there twice"),
        (lambda found: found, None),
    ],
)
def test_scores_and_repetitions(change, said, tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    notes = notes_on(scene.truth, change(read_results(scene.results((1, 2, 3)), scene.truth)))
    assert (not notes) if said is None else re.search(said, " ".join(notes))


def many_times(truth, times):
    """The same objects several times, as far as there is room for a share of one in a hundred."""
    columns = {name: np.repeat(getattr(truth, name), times, axis=0) for name in ("image", "boxes", "category", "area")}
    return replace(truth, **columns, crowd=np.repeat(truth.crowd, times))


def test_areas_of_zero(tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    content = json.loads((tmp_path / "instances.json").read_text())
    for annotation in content["annotations"][:5]:
        annotation["area"] = 0
    (tmp_path / "instances.json").write_text(json.dumps(content))
    result = evaluate(annotations=tmp_path / "instances.json", detections=scene.results((1, 2, 3)), resamples=0)
    assert result.manifest["notes"] == [
        f"'area' is 0 for 5 of {IMAGES * OBJECTS} objects, which therefore count as of the smallest size; without "
        "'area', an object has the area of its box"
    ]


def test_text_ids(tmp_path):
    scene = Scene(tmp_path, (1, 2, 3))
    right = scene.right()
    content = json.loads((tmp_path / "instances.json").read_text())
    for image in content["images"]:
        image["id"] = f"x{image['id']}"
    for annotation in content["annotations"]:
        annotation["image_id"] = f"x{annotation['image_id']}"
    (tmp_path / "instances.json").write_text(json.dumps(content))
    rows = json.loads(scene.results((1, 2, 3)).read_text())
    (tmp_path / "results.json").write_text(json.dumps([{**row, "image_id": f"x{row['image_id']}"} for row in rows]))
    scene.truth = read_instances(tmp_path / "instances.json")
    assert scene.ap(read_results(tmp_path / "results.json", scene.truth)) == right
