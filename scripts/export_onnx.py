# SPDX-License-Identifier: AGPL-3.0-or-later
"""Export a checkpoint to ONNX and compare it with PyTorch: ``python scripts/export_onnx.py weights=best.pt``.

The ONNX file in onnxruntime and the very model that Ultralytics traced (fused, with the same head branch) in PyTorch
get the same pictures. Boxes are compared as a fraction of the picture's longer side, scores as they are. A dynamic
export is compared at a second size and batch too.

Returns 0 if every difference is within the limit, 1 if one is above it, 2 if it can't be done as asked.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from ultralytics import YOLO
from ultralytics.utils import ASSETS

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.results import write_json
from yolo_fine.training import run_script

LIMIT = 1e-3  # 0.64 px at 640, or 0.001 of a score: far above rounding, and no detection would show it
HALF_LIMIT = 1e-2  # float16 rounds a coordinate near 640 to 0.5 px, and every layer before it as coarsely


def export(
    *,
    weights: Path = Path("best.pt"),
    imgsz: int | list[int] = 640,
    opset: int | None = None,
    dynamic: bool = False,
    half: bool = False,
    simplify: bool = True,
    nms: Literal[False] | None = None,
    json: str | None = None,
) -> bool:
    """Export, compare, and return whether the ONNX file gives what the checkpoint gives.

    Args:
        weights: The checkpoint; the ONNX file is written beside it.
        imgsz: Picture size, or ``[height,width]``.
        opset: ONNX opset; by default the newest that Ultralytics trusts.
        dynamic: Any batch and picture size.
        half: float16 weights; compared with the float32 checkpoint.
        simplify: Run onnxslim.
        nms: ``None`` = as Ultralytics does by itself (in 8.4.190 the raw output); ``False`` = the NMS-free head of an
            end-to-end model (YOLO26).
        json: Write the figures to this file.
    """
    if np.size(imgsz) not in (1, 2) or np.min(imgsz) < 32:
        raise ArgumentError(f"imgsz={imgsz}: a size or [height,width], at least 32")
    for package in ("onnx", "onnxruntime", *["onnxslim"] * simplify):
        try:
            import_module(package)
        except ImportError as error:
            raise ArgumentError(f'{package} is not installed: pip install "yolo-fine[export]"') from error
    if weights.suffix != ".pt" or not weights.is_file():
        raise MissingFileError(
            f"weights={weights} is no checkpoint; name one, as weights=runs/detect/train/weights/best.pt"
        )

    exporters: list[Any] = []
    model = YOLO(weights)
    model.add_callback("on_export_end", exporters.append)
    options = {"imgsz": imgsz, "opset": opset, "dynamic": dynamic, "half": half, "simplify": simplify}
    try:
        file = model.export(format="onnx", **options, **({} if nms is None else {"nms": nms}))
    except (AssertionError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"the model can't be exported like this: {error}") from error

    limit = HALF_LIMIT if half else LIMIT
    height, width = exporters[0].imgsz
    shapes = [(1, height, width), (2, height + 64, width + 32)] if dynamic else [(1, height, width)]
    comparisons = [compare(file, exporters[0].model.float(), shape) for shape in shapes]
    passed = all(max(found["boxes"], found["scores"]) <= limit for found in comparisons)
    for found in comparisons:
        print(
            "batch {}, {}x{}:".format(*found["shape"]),
            f"largest difference of boxes {found['boxes']:.1e} of the picture, of scores {found['scores']:.1e}",
            f"(limit {limit:g}; highest score {found['highest_score']:.2f})",
        )
    print(f"{'agrees' if passed else 'DIFFERS'}: {file}")
    if json:
        write_json(Path(json), {"file": str(file), "passed": passed, "limit": limit, "comparisons": comparisons})
    return passed


def compare(file: str, model: torch.nn.Module, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Largest differences between an ONNX file and a PyTorch model on pictures of ``(batch, height, width)``."""
    import onnxruntime

    pictures = sample_pictures(*shape)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    got = session.run(None, {session.get_inputs()[0].name: pictures})[0]
    with torch.inference_mode():
        expected = model(torch.from_numpy(pictures)).numpy()
    if getattr(model, "end2end", False):
        score, gaps = expected[..., 4], [top_k_gap(*pair) for pair in zip(expected, got, strict=True)]
        boxes, scores = np.max(gaps, axis=0)
    else:
        score, gap = expected[:, 4:], np.abs(expected - got)
        boxes, scores = gap[:, :4].max(), gap[:, 4:].max()
    side = max(shape[1:])
    return {
        "shape": shape,
        "boxes": float(boxes / side),
        "scores": float(scores),
        "highest_score": float(score.max()),
    }


def top_k_gap(expected: np.ndarray, got: np.ndarray) -> tuple[float, float]:
    """Largest box and score difference of two top-k lists with rows ``x1, y1, x2, y2, score, class``, sorted by score.

    Rows with nearly equal scores may change places, and the last ones may be in one list only. So each row that is
    clearly above the other list's end is compared with the nearest row of its class.
    """
    noise = float(np.abs(expected[:, 4] - got[:, 4]).max())
    boxes, scores = [], [noise]
    for rows, others in ((expected, got), (got, expected)):
        for row in rows[rows[:, 4] > others[-1, 4] + 2 * noise]:
            gaps = np.abs(others - row)
            gaps[gaps[:, 5] > 0.5] = np.inf
            nearest = gaps[gaps[:, :5].sum(1).argmin()]
            boxes.append(float(nearest[:4].max()))
            scores.append(float(nearest[4]))
    if not boxes:
        raise ArgumentError("exported, but all scores of this model are alike: train it, then compare its detections")
    return max(boxes), max(scores)


def sample_pictures(batch: int, height: int, width: int) -> np.ndarray:
    """Ultralytics' sample picture with seeded noise. On noise alone no detector fires: there is no score to compare."""
    picture = cv2.resize(cv2.imread(str(ASSETS / "bus.jpg")), (width, height))[..., ::-1].transpose(2, 0, 1) / 255
    noise = np.random.default_rng(0).normal(0, 0.02, (batch, 3, height, width))
    return np.clip(picture + noise, 0, 1).astype(np.float32)


if __name__ == "__main__":
    run_script(export)
