# SPDX-License-Identifier: AGPL-3.0-or-later
"""TorchScript and OpenVINO files of a model with a block of every kind give what PyTorch gives.

Each kind alone too with YOLO_FINE_ALL=1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.extent import ALL
from tests.fixtures.checkpoints import make_checkpoint
from yolo_fine.exporter.prove import export_model
from yolo_fine.integration.versions import installed_version

ROWS: dict[str, list[list[Any]]] = {  # behind three convolutions: map 1 is at stride 4, map 2 at stride 8
    "fuse": [[[-1, 1], 1, "FINE", [1]]],
    "upsample": [[2, 1, "LDAAQU", [2]]],
    "refine": [[1, 1, "CBAM", []]],
    "context": [[1, 1, "GC", []]],
    "conv": [[1, 1, "Res2Net", []]],
}
TOGETHER = [
    *ROWS["fuse"], [-1, 1, "CBAM", []], [-1, 1, "GC", []], [-1, 1, "Res2Net", []],  # 3 to 6
    *ROWS["upsample"], [[6, 7], 1, "Concat", [1]],
]  # fmt: skip
MODELS = {"all in one": TOGETHER, **(ROWS if ALL else {})}


@pytest.mark.skipif(installed_version() < (8, 3, 253), reason="older releases export with other words")
@pytest.mark.parametrize("file_format", ["torchscript", "openvino"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_block_of_each_kind(kind: str, file_format: str, tmp_path: Path) -> None:
    if file_format == "openvino":
        pytest.importorskip("openvino")
    checkpoint = make_checkpoint(tmp_path / "best.pt", rows=MODELS[kind])
    proof = export_model(str(checkpoint), file_format, imgsz=64, runs=0)
    assert proof.verdict == "equal", proof.to_text()
    assert not any("identity" in note for note in proof.notes), proof.notes
