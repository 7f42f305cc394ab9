# SPDX-License-Identifier: AGPL-3.0-or-later
"""Latency of several checkpoints as ONNX files in onnxruntime, each beside the first of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from yolo_fine.export.pictures import read_pictures, stack
from yolo_fine.export.produce import produce

WARM_UP = 3  # rounds


@dataclass(frozen=True)
class Latency:
    """Milliseconds a picture.

    Attributes:
        median: Over the rounds.
        best: The shortest run, which what else the machine does disturbs least.
        ratio: Median over the rounds of this model / the first model of the round.
        best_ratio: Of the shortest runs.
        spread: First and third quartile of the ratios of the rounds.
        rounds: Number of rounds.
    """

    median: float
    best: float
    ratio: float
    best_ratio: float
    spread: tuple[float, float]
    rounds: int


def measure_latency(checkpoints: list[Path], *, rounds: int, threads: int, imgsz: int = 640) -> list[Latency]:
    """Export all, then run them in turn: a round is every model once, in rotating order, so that none is favoured.

    Args:
        checkpoints: The first is what the others are compared with.
        rounds: Rounds that count.
        threads: CPU threads of onnxruntime.
        imgsz: Height and width, batch 1.
    """
    sessions = []
    for checkpoint in checkpoints:
        file, _ = produce(checkpoint, "onnx", {"imgsz": imgsz})
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.log_severity_level = 3
        # Idle threads of one session would burn the cores that the next one needs.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        sessions.append(onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"]))
        file.unlink()
    pixels = stack(read_pictures(None), 0, 1, imgsz, imgsz)
    times = np.zeros((rounds + WARM_UP, len(sessions)))
    for row in range(len(times)):
        for place in range(len(sessions)):
            column = (row + place) % len(sessions)
            start = time.perf_counter()
            sessions[column].run(None, {"images": pixels})
            times[row, column] = (time.perf_counter() - start) * 1000
    times = times[WARM_UP:]
    ratios = times / times[:, :1]
    return [
        Latency(
            median=float(np.median(times[:, i])),
            best=float(times[:, i].min()),
            ratio=float(np.median(ratios[:, i])),
            best_ratio=float(times[:, i].min() / times[:, 0].min()),
            spread=(float(np.quantile(ratios[:, i], 0.25)), float(np.quantile(ratios[:, i], 0.75))),
            rounds=rounds,
        )
        for i in range(len(sessions))
    ]
