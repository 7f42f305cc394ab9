# SPDX-License-Identifier: AGPL-3.0-or-later
"""Damaged files end in a DataError, or in rows that stand in the file exactly so: never in another error or number.

YOLO_FINE_FUZZ sets the number of damaged files (of each kind), YOLO_FINE_FUZZ_SEED another course.
"""

from __future__ import annotations

import os
import re
import warnings

import numpy as np
import pytest

from tests.evaluation.visdrone.cases import load, packaged_cases
from yolo_fine.errors import DataError
from yolo_fine.evaluation.visdrone.score import evaluate_visdrone
from yolo_fine.formats.visdrone_files import read_annotations, read_detections

COUNT = int(os.environ.get("YOLO_FINE_FUZZ", "250"))
SEED = int(os.environ.get("YOLO_FINE_FUZZ_SEED", "0"))
FIELDS = [
    *(b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"1e999", b"1e308", b"-1", b"0", b"-0.0", b"1e-320", b"1_0", b"0x10"),
    *(b"abc", b"--1", b"1-1", b"1.2.3", b"12", b"2.5", b"99999999999999999999", b"\xff", b"\xd9\xa4", b"1\x00", b"+5"),
    *(b"1e5", b"True", b"None", b'"1"', b"1;2", b"1 2", b"."),
]
NUMBER = re.compile(rb"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """One or two changes of bytes, fields, separators or lines."""
    for _ in range(random.integers(1, 3)):
        kind = random.integers(0, 7)
        at = int(random.integers(0, len(content) + 1))
        if kind == 0:  # a byte changed
            content = content[:at] + bytes([random.integers(0, 256)]) + content[at + 1 :]
        elif kind == 1:  # bytes removed
            content = content[:at] + content[at + int(random.integers(1, 12)) :]
        elif kind == 2:  # the end cut off
            content = content[:at]
        elif kind == 3:  # a separator put in
            content = (
                content[:at]
                + [b",", b"\n", b"\r", b"\r\n", b" ", b"\t", b"\x0b", b"\x85"][random.integers(0, 8)]
                + content[at:]
            )
        elif kind == 4:  # a line twice, without its end
            lines = content.split(b"\n")
            content += lines[random.integers(0, len(lines))]
        else:  # a field replaced
            fields = re.split(rb"([,\n])", content)
            fields[2 * random.integers(0, (len(fields) + 1) // 2)] = FIELDS[random.integers(0, len(FIELDS))]
            content = b"".join(fields)
    return content


def rows_as_they_stand(content: bytes) -> list[list[float]]:
    """The rows of a file that was accepted, by another way than the reader's."""
    rows = []
    for line in re.split(rb"\r\n|\n|\r", content):
        fields = [field.strip(b" \t") for field in line.split(b",")]
        if fields == [b""]:
            continue
        if len(fields) == 9:
            assert fields.pop() == b""
        assert len(fields) == 8
        assert all(NUMBER.fullmatch(field) for field in fields)
        rows.append([float(field.decode("ascii")) for field in fields])
    return rows


@pytest.mark.parametrize("kind", ["annotations", "detections"])
def test_damaged_file(tmp_path, kind):
    (case,) = (case for case in packaged_cases() if case.name == "fuzz_16")
    truth, detections = load(case)
    original = (case / kind / f"{truth.names[2]}.txt").read_bytes()
    for folder in ("annotations", "detections"):
        (tmp_path / folder).mkdir()
        for name in truth.names:
            (tmp_path / folder / f"{name}.txt").write_bytes((case / folder / f"{name}.txt").read_bytes())
    file = tmp_path / kind / f"{truth.names[2]}.txt"
    outcomes = {"read": 0, "refused": 0}
    for index in range(COUNT):
        content = damage(original, np.random.default_rng([SEED, index]))
        file.write_bytes(content)
        refusal = None
        context = f"case {index} of YOLO_FINE_FUZZ_SEED={SEED}: {content!r}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                if kind == "annotations":
                    result = truth = read_annotations(tmp_path / "annotations", sizes_file=case / "sizes.txt")
                else:
                    result = detections = read_detections(tmp_path / "detections", truth)
                score = evaluate_visdrone(truth, detections)
            except DataError as error:
                refusal = str(error)
            except Exception as error:
                raise AssertionError(context) from error
        if refusal is not None:
            assert str(file) in refusal, context
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        table = np.array(rows_as_they_stand(content)).reshape(-1, 8)
        rows = result.image == 2
        assert np.array_equal(result.boxes[rows], table[:, :4]), context
        assert np.array_equal(result.category[rows], table[:, 5]), context
        if kind == "annotations":
            evaluated = (table[:, 5] > 0) & (table[:, 5] < 11)
            assert np.array_equal(result.crowd[rows], evaluated & (table[:, 4] == 0)), context
        else:
            assert np.array_equal(result.score[rows], table[:, 4]), context
        for value in score.metrics.values():
            assert value is None or isinstance(value, dict) or 0 <= value <= 100 + 1e-9, context
    assert min(outcomes.values()) > COUNT / 20  # both ways are taken


def test_damaged_sizes(tmp_path):
    (case,) = (case for case in packaged_cases() if case.name == "fuzz_16")
    original = (case / "sizes.txt").read_bytes()
    file = tmp_path / "sizes.txt"
    refused = 0
    for index in range(COUNT):
        content = damage(original.replace(b" ", b","), np.random.default_rng([SEED, index])).replace(b",", b" ")
        file.write_bytes(content)
        refusal = None
        try:
            again = read_annotations(case / "annotations", sizes_file=file)
        except DataError as error:
            refusal = str(error)
        if refusal is not None:
            assert str(file) in refusal, content
            refused += 1
            continue
        for name, size in zip(again.names, again.sizes, strict=True):
            blank = rb"[ \t\x0b\x0c]"
            line = rb"(?:^|[\r\n])%b*%b%b+([0-9]+)%b+([0-9]+)%b*(?=[\r\n]|$)"
            stated = re.findall(line % (blank, name.encode(), blank, blank, blank), content)
            assert {(int(w), int(h)) for w, h in stated} == {tuple(size.tolist())}, content
    assert COUNT / 20 < refused < COUNT
