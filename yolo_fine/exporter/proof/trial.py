# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a file is tried on, read before anything takes long, and the trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolo_fine._version import __version__
from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.proof.accuracy import Accuracy, categories_of, compare_accuracy
from yolo_fine.exporter.proof.compare import compare
from yolo_fine.exporter.proof.images import evenly_spaced, read_images, stack
from yolo_fine.exporter.proof.latency import measure_latency, torch_threads
from yolo_fine.exporter.proof.operators import check_operators
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.proof.shapes import shapes_to_prove
from yolo_fine.exporter.runtimes import Runtime
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.integration.export_reference import Reference
from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class Trial:
    """What a file is tried on.

    Attributes:
        images: BGR, (height, width, 3) uint8 each.
        data: The dataset of ``truth``.
        truth: Annotated images for the AP of both sides, or None.
        threads: CPU threads of both sides.
        runs: Pairs of runs for the latency.
    """

    images: list[Array]
    data: str | None
    truth: GroundTruth | None
    threads: int
    runs: int

    def check(self, reference: Reference) -> None:
        """Refuse data that doesn't go with the model, before the export takes its time.

        Raises:
            ArgumentError: AP is not for this task.
            DataError: The classes don't match.
        """
        if self.truth is not None:
            categories_of(reference, self.truth, str(self.data))

    def run(self, reference: Reference, runtime: Runtime, *, dynamic: bool, precision: str) -> Proof:
        """Compare an opened file with its reference, and time both.

        Args:
            reference: PyTorch's side.
            runtime: The file's side.
            dynamic: Whether the file is said to take any size; it also claims to by its input's shape.
            precision: ``fp32``, ``fp16`` or ``int8``.

        Returns:
            The proof; what it says of the file's place is for the caller to fill in.
        """
        sizes = dynamic or None in runtime.shape[2:]
        batches = runtime.shape[0] is None if runtime.shape else dynamic
        notes = []
        if batches and reference.floor and reference.batch == 1:
            batches = False
            notes.append("embedded NMS is unrolled for one image: for several at once, export with batch=N")
        if reference.asleep:
            notes.append(
                f"layers {', '.join(reference.asleep)} still are the identity they start as: what they compute doesn't "
                "show in the outputs, and is not proven before training has moved them"
            )
        shapes = shapes_to_prove(reference, sizes=sizes, batches=batches)

        def measure_accuracy() -> Accuracy:
            assert self.truth is not None
            return compare_accuracy(reference, runtime.run, self.truth, str(self.data))

        with torch_threads(self.threads):
            found = compare(
                reference, runtime, self.images, shapes=shapes, precision=precision,
                measure_accuracy=measure_accuracy if self.truth is not None else None,
            )  # fmt: skip
            latency = None
            if self.runs > 0 and not found["cases"][0].failure:
                pixels = stack(self.images, 0, reference.batch, *reference.imgsz)
                latency = measure_latency(reference.run, runtime.run, pixels, pairs=self.runs, threads=self.threads)
        found["notes"] = notes + found["notes"]
        return Proof(
            **found, runtime=runtime.name, precision=precision, imgsz=reference.imgsz,
            dynamic=sizes, latency=latency, latency_ratio=latency.ratio if latency else None,
            opset=runtime.opset, nodes=sum(runtime.operators.values()) or None, operators=runtime.operators,
            other_runtimes=check_operators(runtime.operators) if runtime.opset else {}, versions=versions(),
        )  # fmt: skip


def prepare_trial(images: Path | None, data: str | None, threads: int | None, runs: int) -> Trial:
    """Read everything that a trial needs.

    Args:
        images: Folder of images; None = some val images of ``data``, or else Ultralytics' two samples.
        data: Dataset YAML for the AP of both sides, or None.
        threads: CPU threads; None = PyTorch's number.
        runs: Pairs of runs for the latency.

    Raises:
        ArgumentError: A number is out of range.
        DataError: An image or a label can't be read.
    """
    import torch

    from yolo_fine.formats.yolo_labels import read_split

    if threads is not None and threads < 1:
        raise ArgumentError(f"threads={threads}: at least 1")
    if runs < 0:
        raise ArgumentError(f"runs={runs}: pairs of runs for the latency, or 0 to leave it out")
    truth = read_split(data, "val") if data is not None else None
    if images is None and truth is not None and truth.files:
        compared = [read_pixels(file) for file in evenly_spaced(truth.files)]
    else:
        compared = read_images(images)
    return Trial(compared, data, truth, threads or torch.get_num_threads(), runs)


def versions() -> dict[str, str]:
    """Of what takes part on PyTorch's side."""
    import torch
    from ultralytics import __version__ as ultralytics_version

    return {"yolo_fine": __version__, "ultralytics": ultralytics_version, "torch": str(torch.__version__)}
