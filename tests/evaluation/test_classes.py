# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import pytest

from yolo_fine.errors import DataError
from yolo_fine.evaluation.classes import left_out, match_classes

VISDRONE = ("pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor")
AERIAL = {0: "car", 1: "truck", 2: "bus", 3: "minibus", 4: "cyclist"}


def test_visdrone_indices_become_categories_one_to_ten():
    model, truth = dict(enumerate(VISDRONE)), dict(enumerate(VISDRONE, start=1))
    assert match_classes(model, truth) == {index: index + 1 for index in range(10)}


def test_names_decide_not_the_order():
    assert match_classes({0: "bus", 1: "car"}, {1: "car", 2: "bus"}) == {0: 2, 1: 1}


@pytest.mark.parametrize("spelling", ["Awning-Tricycle", "awning_tricycle", "awning tricycle", "AwningTricycle"])
def test_spelling_of_one_name(spelling):
    assert match_classes({0: spelling}, {7: "awning-tricycle"}) == {0: 7}


def test_equal_counts_are_no_match():
    with pytest.raises(DataError, match=r"doesn't know 'persons'; did you mean person\?"):
        match_classes({0: "person", 1: "car"}, {0: "persons", 1: "car"})


def test_a_class_the_model_does_not_know_is_an_error_that_names_both_sides():
    model = {0: "car", 1: "truck", 2: "bus", 3: "dog"}
    with pytest.raises(DataError) as error:
        match_classes(model, AERIAL)
    message = str(error.value)
    assert "'minibus'" in message
    assert "'cyclist'" in message
    assert "ground truth doesn't have dog" in message
    assert "allow_missing=True" in message


def test_allow_missing():
    model = {0: "person", 2: "car", 5: "bus", 7: "truck"}
    assert match_classes(model, AERIAL, allow_missing=True) == {2: 0, 5: 2, 7: 1}
    assert left_out(model, {2: 0, 5: 2, 7: 1}) == "1 of the model's 4 classes are not in the ground truth: person"


def test_allow_missing_needs_one_match():
    with pytest.raises(DataError, match="don't match"):
        match_classes({0: "cat"}, {0: "dog"}, allow_missing=True)


def test_classes_only_the_model_has_are_dropped():
    model = {index: f"thing {index}" for index in range(79)} | {79: "car"}
    matched = match_classes(model, {3: "car"})
    assert matched == {79: 3}
    assert left_out(model, matched).endswith("thing 6, thing 7 and 71 more")
    assert left_out({0: "car"}, {0: 3}) is None


@pytest.mark.parametrize("name", ["{}", "class{}", "class_{}", "Class {}"])
def test_names_that_say_nothing_match_by_position(name):
    model = {index: name.format(index) for index in range(2)}
    assert match_classes(model, {1: "car", 4: "bus"}) == {0: 1, 1: 4}
    assert match_classes({0: "car", 1: "bus"}, {3: name.format(3), 4: name.format(4)}) == {0: 3, 1: 4}


def test_names_that_say_nothing_and_another_count():
    with pytest.raises(DataError, match="don't match"):
        match_classes({0: "class0", 1: "class1", 2: "class2"}, {0: "car", 1: "bus"})


def test_two_classes_of_one_name():
    with pytest.raises(DataError, match="the model has two classes of one name: 0 'Car' and 1 'car'"):
        match_classes({0: "Car", 1: "car"}, {0: "car"})


def test_no_names():
    with pytest.raises(DataError, match="the model has no class names"):
        match_classes({}, {0: "car"})
