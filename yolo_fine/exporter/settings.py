# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a file was exported, by what it says itself."""

from __future__ import annotations

import json
from typing import Any

from yolo_fine.exporter.onnx_file import PROOF_KEY
from yolo_fine.exporter.runtimes import Runtime
from yolo_fine.integration.exporter import is_setting


def settings_of(runtime: Runtime) -> dict[str, Any]:
    """Arguments of the export that made a file, from its metadata or else its input's shape, as far as it says."""
    said = runtime.metadata
    used = said["args"] if isinstance(said.get("args"), dict) else {}
    settings: dict[str, Any] = {}
    for size in (said.get("imgsz"), [side for side in runtime.shape[2:] if side]):
        sides = [size, size] if isinstance(size, int) else size
        if isinstance(sides, (list, tuple)) and len(sides) == 2 and all(isinstance(side, int) for side in sides):
            settings["imgsz"] = list(sides)
            break
    batches = (said.get("batch"), runtime.shape[0] if runtime.shape else None)
    settings["batch"] = next((batch for batch in batches if isinstance(batch, int) and batch > 0), 1)
    settings["dynamic"] = bool(used.get("dynamic")) or None in runtime.shape[2:]
    if used.get("nms") is not None:
        settings["nms"] = used["nms"]
    if said.get("end2end") or ("end2end" in said and is_setting("end2end")):
        settings["end2end"] = bool(said["end2end"])
    written = said.get(PROOF_KEY)
    before = json.loads(written).get("arguments", {}) if isinstance(written, str) else {}
    settings.update({key: before[key] for key in ("conf", "iou", "max_det", "agnostic_nms") if key in before})
    return settings


def other_names(runtime: Runtime, names: dict[int, str]) -> str | None:
    """What the file calls its classes, where that is not what the model calls them; None if it is, or doesn't say."""
    written = runtime.metadata.get("names")
    if not isinstance(written, (dict, list)) or not written:
        return None
    pairs = written.items() if isinstance(written, dict) else enumerate(written)
    said = {str(key): str(name) for key, name in pairs}
    for key in sorted({*said, *map(str, names)}, key=lambda key: (len(key), key)):
        ours = names.get(int(key)) if key.isdigit() else None
        if said.get(key) != ours:
            return f"class {key} is {said.get(key)!r} in the file and {ours!r} in the model"
    return None
