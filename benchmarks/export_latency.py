# SPDX-License-Identifier: AGPL-3.0-or-later
"""Latency of checkpoints as ONNX files in onnxruntime, each in turn with one and the same other file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from yolo_fine.exporter.produce import produce
from yolo_fine.exporter.proof.images import read_images, stack

RUNS = 3  # timed in a row, after one that brings the weights back into the caches; the shortest counts
PAUSE = 0.02  # seconds before them: the other file's threads go on spinning for a while


@dataclass(frozen=True)
class Latency:
    """Milliseconds an image.

    Attributes:
        median: Over the pairs.
        stock: The same of the file that it is compared with.
        ratio: Median over the pairs of the ratio of both.
        error: Standard error of that ratio.
        spread: First and third quartile of the ratios of the pairs.
        pairs: Number of pairs.
    """

    median: float
    stock: float
    ratio: float
    error: float
    spread: tuple[float, float]
    pairs: int


def measure_latency(stock: Path, checkpoint: Path, *, pairs: int, threads: int, imgsz: int = 640) -> Latency:
    """Export both, then run them in turn with onnxruntime's own settings; the first of a pair alternates.

    A machine that changes its pace within seconds slows both of a pair alike.

    Args:
        stock: What the other is compared with.
        checkpoint: What is measured.
        pairs: Pairs of runs.
        threads: CPU threads of onnxruntime.
        imgsz: Height and width, batch 1.
    """
    pixels = stack(read_images(None), 0, 1, imgsz, imgsz)
    sessions = [open_session(file, threads, imgsz) for file in (stock, checkpoint)]
    times = np.zeros((pairs, 2))
    for row in range(pairs):
        for column in (0, 1) if row % 2 else (1, 0):
            times[row, column] = shortest_run(sessions[column], pixels) * 1000
    ratios = times[:, 1] / times[:, 0]
    return Latency(
        median=float(np.median(times[:, 1])),
        stock=float(np.median(times[:, 0])),
        ratio=float(np.median(ratios)),
        error=float(np.sqrt(np.pi / 2) * ratios.std(ddof=1) / np.sqrt(pairs)),
        spread=(float(np.quantile(ratios, 0.25)), float(np.quantile(ratios, 0.75))),
        pairs=pairs,
    )


def open_session(checkpoint: Path, threads: int, imgsz: int) -> onnxruntime.InferenceSession:
    """A static float32 export, loaded."""
    file, _ = produce(checkpoint, "onnx", {"imgsz": imgsz})
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    file.unlink()
    return session


def shortest_run(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> float:
    """Seconds of the shortest of a few runs in a row."""
    time.sleep(PAUSE)
    session.run(None, {"images": pixels})
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(None, {"images": pixels})
        seconds.append(time.perf_counter() - start)
    return min(seconds)
