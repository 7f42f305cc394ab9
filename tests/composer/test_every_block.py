# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every block, put by compose at every place that its kind has, runs and learns; the page of docs lists it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from ultralytics.nn.tasks import DetectionModel

from yolo_fine import list_blocks
from yolo_fine.composer.compose import compose_text
from yolo_fine.costs.block_facts import block_facts

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = [spec for spec in list_blocks() if spec.cls.__module__.startswith("yolo_fine.")]
PLACED = [spec for spec in PACKAGED if spec.kind != "pick"]  # compose writes those below the blocks that need them


@pytest.mark.slow
@pytest.mark.parametrize("spec", PLACED, ids=lambda spec: spec.name)
def test_every_block_learns_at_every_place(spec):
    composed = compose_text("yolo11n", {spec.kind: spec.name})
    assert composed.blocks
    model = yaml.safe_load(composed.text)
    network = DetectionModel({**model, "scale": "n"}, nc=2, verbose=False).train()
    layers = [network.model[placed["layer"]] for placed in composed.blocks]
    assert all(type(layer) is spec.cls for layer in layers)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    for step in range(2):  # identities learn from the second step on
        torch.manual_seed(step)
        optimizer.zero_grad()
        output = network(torch.rand(2, 3, 64, 64))
        maps = output["feats"] if isinstance(output, dict) else output
        sum(one.float().square().mean() for one in maps).backward()
        optimizer.step()
    for layer in layers:
        gradients = [parameter.grad for parameter in layer.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert not gradients or any(gradient.any() for gradient in gradients)


def test_the_page_about_blocks_is_up_to_date():
    page = (ROOT / "docs" / "blocks.md").read_text()
    for spec in PACKAGED:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{spec.name}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        fact = block_facts(spec)
        assert cells[3:7] == [spec.origin, f"{fact.parameters:,}", f"{fact.mmacs:.0f}", fact.starts_as]
        assert cells[7] == "yes"
        assert spec.signature in page
    assert len(re.findall(r"^\| `", page, flags=re.MULTILINE)) == len(PACKAGED)
