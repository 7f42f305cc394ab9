# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes an exported file in a scratch folder, and moves it to its final name only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.exporter.options import wanted_precision
from yolo_fine.integration.exporter import has_end2end_head, in_words_of_release
from yolo_fine.integration.log import quiet_ultralytics, short
from yolo_fine.utils.files import is_elsewhere, reason_of, unwritable
from yolo_fine.utils.folders import exchange, restore
from yolo_fine.utils.parts import open_part

DFLForm = Literal["matmul", "softmax"]


@contextmanager
def scratch_in(place: Path, why: str) -> Iterator[Path]:
    """A hidden folder in ``place`` that is gone at the end; those that killed exports left there go too.

    Args:
        place: Where to make it.
        why: What needs it there, for the message.

    Raises:
        ArgumentError: Nothing can be written there.
    """
    try:
        with open_part(place.absolute() / "yolo_fine_export", is_folder=True) as folder:
            yield folder
    except YoloFineError:
        raise
    except OSError as error:
        if is_elsewhere(error, place.absolute()):
            raise
        raise ArgumentError(f"{place} can't be written, and {why}: {reason_of(error)}") from error


def produce(checkpoint: Path, format: str, options: dict[str, Any], dfl: DFLForm = "matmul") -> tuple[Path, list[str]]:
    """Export a checkpoint; the file comes beside it.

    Args:
        checkpoint: A copy in a scratch folder.
        format: Ultralytics' name of the format.
        options: Arguments of Ultralytics' export.
        dfl: Form of the boxes' mean distances in an ONNX file; int8 keeps Ultralytics' own.

    Returns:
        The exported file or folder, and what Ultralytics warned of.

    Raises:
        ArgumentError: The export failed; the message is Ultralytics' own.
    """
    from ultralytics import YOLO

    from yolo_fine.integration.matmul_dfl import use_matmul_dfl  # imports torch, which `--help` need not wait for

    try:
        with quiet_ultralytics() as told:
            detector = YOLO(checkpoint)
            if dfl == "matmul" and format == "onnx" and wanted_precision(options) != "int8":
                use_matmul_dfl(detector)
            file = detector.export(format=format, **in_words_of_release(options, has_end2end_head(detector)))
    except ModuleNotFoundError as error:
        raise ArgumentError(f"the export to {format} failed: the package '{error.name}' is not installed") from error
    except Exception as error:  # whatever it was, the user sees one message, and the cause is chained
        calibrates = wanted_precision(options) == "int8" and "data" not in options
        hint = "int8 is calibrated on images: name them by data=FILE.yaml; Ultralytics says: " if calibrates else ""
        raise ArgumentError(f"the export to {format} failed: {hint}{short(error)}") from error
    if not file or not Path(file).exists():
        raise ArgumentError(f"the export to {format} failed: Ultralytics wrote no file")
    return Path(file), told


def publish(made: Path, final: Path) -> None:
    """Move a finished file or folder to its final name, in place of an older one.

    Raises:
        ArgumentError: It can't be put there; the older one is still there.
    """
    restore(final, keep_rest=False)
    try:
        if os.path.lexists(final) and (made.is_dir() or (final.is_dir() and not final.is_symlink())):
            exchange(made, final)
        else:
            made.replace(final)
    except OSError as error:
        raise unwritable(final, error) from error
