# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a file was exported, by what it says itself."""

from __future__ import annotations

import json
from typing import Any

from yolo_fine.export.onnx_file import PROOF_KEY
from yolo_fine.export.runtimes import Runtime


def settings_of(runtime: Runtime) -> dict[str, Any]:
    """Arguments of the export that made a file, from its metadata or else its input's shape, as far as it says."""
    from ultralytics.cfg import DEFAULT_CFG_DICT

    said, used = runtime.metadata, runtime.metadata.get("args", {})
    settings: dict[str, Any] = {}
    size = said.get("imgsz") or [side for side in runtime.shape[2:] if side]
    if len(size) == 2:
        settings["imgsz"] = [int(side) for side in size]
    settings["batch"] = int(said.get("batch") or (runtime.shape[0] if runtime.shape else None) or 1)
    settings["dynamic"] = bool(used.get("dynamic")) or None in runtime.shape[2:]
    if used.get("nms") is not None:
        settings["nms"] = used["nms"]
    if said.get("end2end") or ("end2end" in said and "end2end" in DEFAULT_CFG_DICT):
        settings["end2end"] = bool(said["end2end"])
    written = said.get(PROOF_KEY)
    before = json.loads(written).get("arguments", {}) if isinstance(written, str) else {}
    settings.update({key: before[key] for key in ("conf", "iou", "max_det", "agnostic_nms") if key in before})
    return settings
