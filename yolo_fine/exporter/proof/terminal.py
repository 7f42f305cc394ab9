# SPDX-License-Identifier: AGPL-3.0-or-later
"""A proof as text for the terminal."""

from __future__ import annotations

from yolo_fine.exporter.proof.proof import Case, Proof
from yolo_fine.exporter.proof.verdict import CLOSE
from yolo_fine.utils.tables import Table

ERRORS = {
    "max rel": "max_rel_err",
    "mean rel": "mean_rel_err",
    "max abs": "max_abs_err",
    "mean abs": "mean_abs_err",
}


def proof_parts(proof: Proof) -> list[str | Table]:
    """The proof for a terminal: shapes, groups, boxes, latency, file, and the verdict last."""
    groups = [
        {"raw outputs": name, **{title: f"{group[key]:.1e}" for title, key in ERRORS.items()}}
        for name, group in proof.groups.items()
    ]
    parts: list[str | Table] = ["\n".join(_tried(proof))] if proof.runtime or proof.cases else []
    return [*parts, *([Table(groups)] if groups else []), "\n".join(_concluded(proof))]


def _tried(proof: Proof) -> list[str]:
    lines = []
    if proof.runtime:
        lines.append(
            f"{proof.runtime} against PyTorch {proof.versions['torch']} in float32; the file is {proof.precision}"
        )
    lines += [_case(case) for case in proof.cases]
    return lines


def _concluded(proof: Proof) -> list[str]:
    lines = []
    if proof.boxes_close and proof.boxes_close != proof.boxes:
        found = proof.boxes_close
        lines.append(
            f"  as close: {found.matched} of {found.boxes} boxes agree, {found.extra} extra, confidences within "
            f"{found.max_conf_diff:.1e}, at IoU {CLOSE[proof.precision].iou:g}"
        )
    if proof.latency:
        time = proof.latency
        lines.append(
            f"  latency: file {time.file_ms:.1f} ms, PyTorch {time.torch_ms:.1f} ms, ratio {time.ratio:.2f} "
            f"(batch {time.batch}, median of {time.pairs} pairs, {time.threads} threads)"
        )
    if proof.accuracy:
        one, two, gap = proof.accuracy.torch, proof.accuracy.file, proof.accuracy.difference
        for name in gap:
            metrics = f"PyTorch {_number(one[name])}, file {_number(two[name])}, difference {_number(gap[name], '+')}"
            lines.append(f"  {name}: {metrics}")
        lines[-1] += f" ({proof.accuracy.images} images of {proof.accuracy.data})"
    opset = f", opset {proof.opset}" if proof.opset else ""
    nodes = f", {proof.nodes} nodes of {len(proof.operators)} kinds" if proof.nodes else ""
    lines.append(f"  file: {proof.bytes / 1e6:.1f} MB{opset}{nodes}")
    for runtime, check in proof.other_runtimes.items():
        said = f"does not take {', '.join(check.refused)}" if check.refused else "lists every operator of this file"
        if check.unlisted:
            unlisted = f"its list here says nothing of {', '.join(check.unlisted)}"
            said = f"{said}; {unlisted}" if check.refused else unlisted
        lines.append(f"  {runtime}: {said}")
    lines += [f"  note: {note}" for note in proof.notes]
    against = "not equal: " if proof.verdict == "close" else ""
    lines += [f"  {against}{reason}" for reason in proof.reasons]
    lines.append(f"{proof.verdict}: {proof.file}")
    return lines


def _case(case: Case) -> str:
    shape = "  batch {}, {}x{}:".format(*case.shape)
    if case.failure:
        return f"{shape} {case.failure}"
    boxes = ""
    if case.boxes:
        found = case.boxes
        boxes = f"; {found.matched} of {found.boxes} boxes agree, {found.extra} extra, "
        boxes += f"confidences within {found.max_conf_diff:.1e}"
    return f"{shape} largest relative error {case.max_rel_err:.1e}{boxes}"


def _number(value: float | None, sign: str = "") -> str:
    return "undefined" if value is None else f"{value:{sign}.4f}"
