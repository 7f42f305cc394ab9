# SPDX-License-Identifier: AGPL-3.0-or-later
"""Predictions by several processes are those of one, whatever the images and shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.predict.tiny import noise_images, tiny_model
from tests.extent import ALL
from tests.fixtures.checkpoints import save
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.predict import shards
from yolo_fine.evaluation.predict.images import predict_images
from yolo_fine.evaluation.predict.shards import MODULE, predict_shards
from yolo_fine.evaluation.predict.whole import BUILT_IN_LIMIT, Predictions, note_on_limit
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.executors import LocalExecutor, RayExecutor, Watch

SIZES = [(64, 48), (48, 64), (64, 48), (80, 40), (64, 48)]


class InThisProcess:
    """Carries the shards out here, the last one first."""

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        for folder in reversed(folders):
            try:
                shards.carry_out(folder)
            except SystemExit as end:
                yield folder, int(end.code or 0)
                continue
            yield folder, 0


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> GroundTruth:
    found: GroundTruth = noise_images(tmp_path_factory.mktemp("images"), SIZES)
    return found


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("model") / "model.pt"
    save(tiny_model(file.parent), file)
    return {
        "model": file, "conf": 0.001, "iou": 0.7, "max_det": 500, "multi_label": False, "allow_missing": False,
        "batch": 1, "device": "cpu", "half": False, "imgsz": 64, "slice": None, "overlap": 0.2, "full_pass": True,
        "whole": False,
    }  # fmt: skip


def assert_equal(one: Predictions | None, other: Predictions | None) -> None:
    assert one is not None
    assert other is not None
    for name in ("image", "boxes", "category", "score"):
        np.testing.assert_array_equal(getattr(one.detections, name), getattr(other.detections, name))
    assert (one.notes, one.counts) == (other.notes, other.counts)
    assert set(one.speed) == set(other.speed)


@pytest.mark.parametrize("slots", [1, 2, 3, 9])
def test_shards_find_what_one_process_finds(truth: GroundTruth, arguments: dict[str, Any], slots: int) -> None:
    alone, _ = predict_images(truth, arguments)
    assert len(alone.detections.image) > 50
    found, whole = predict_shards(truth, arguments, InThisProcess(slots), None)
    assert_equal(found, alone)
    assert whole is None


def test_slices_beside_whole_images(truth: GroundTruth, arguments: dict[str, Any]) -> None:
    pytest.importorskip("sahi")
    arguments = arguments | {"slice": 32, "whole": True}
    for mine, alone in zip(
        predict_shards(truth, arguments, InThisProcess(2), None), predict_images(truth, arguments), strict=True
    ):
        assert_equal(mine, alone)


def test_an_error_in_a_shard_is_the_users(truth: GroundTruth, arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="conf=2"):
        predict_shards(truth, arguments | {"conf": 2}, InThisProcess(2), tmp_path)
    assert not any(tmp_path.iterdir())  # nothing is left


def test_a_shard_that_dies_is_told_with_its_last_words(
    truth: GroundTruth, arguments: dict[str, Any], tmp_path: Path
) -> None:
    class Deadly(InThisProcess):
        def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
            for folder in folders:
                (folder / "log.txt").write_text("terminate called: out of memory\n")
                yield folder, -9

    with pytest.raises(DataError, match="ended with -9: terminate called: out of memory"):
        predict_shards(truth, arguments, Deadly(2), tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_loaded_model_can_not_be_shared(truth: GroundTruth, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="must be a file"):
        predict_shards(truth, arguments | {"model": object()}, InThisProcess(2), None)


def test_a_limit_is_noted_once_for_all_images() -> None:
    nothing = Detections(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
    parts = [
        shards.Shard(start, 2, Predictions(nothing, {"total": speed}, (note_on_limit(counts, 500),), counts))
        for start, speed, counts in ((0, 1.0, (BUILT_IN_LIMIT, 5)), (2, 3.0, (BUILT_IN_LIMIT, BUILT_IN_LIMIT)))
    ]
    found = shards.merge(parts, {"max_det": 500})
    assert len(found.notes) == 1
    assert "3 of 4 images reached" in found.notes[0]
    assert found.speed == {"total": 2.0}


def test_jobs_are_plain_text(truth: GroundTruth, arguments: dict[str, Any]) -> None:
    job = shards.job(truth, arguments, 1, 3)
    assert json.loads(json.dumps(job))["names"] == list(truth.names[1:3])
    assert all(Path(file).is_absolute() for file in job["files"])


@pytest.mark.skipif(not ALL, reason="starts two processes, and a Ray cluster: YOLO_FINE_ALL=1")
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_processes_and_a_cluster(truth: GroundTruth, arguments: dict[str, Any], engine: str, tmp_path: Path) -> None:
    alone, _ = predict_images(truth, arguments)
    if engine == "local":
        found, _ = predict_shards(truth, arguments, LocalExecutor(MODULE, 2), tmp_path)
    else:
        ray = pytest.importorskip("ray")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        try:
            executor = RayExecutor(MODULE, "local")
            assert executor.slots == 2
            found, _ = predict_shards(truth, arguments, executor, tmp_path)
        finally:
            ray.shutdown()
    assert_equal(found, alone)
