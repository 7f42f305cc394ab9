# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the README and the guides show is what happens."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils import ROOT as STOCK

from yolo_fine.errors import UnknownBlockError
from yolo_fine.integration.transfer.transfer_report import transfer_report
from yolo_fine.integration.versions import installed_version

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def code_blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_guide_to_own_blocks_works_as_written():
    text = (ROOT / "docs" / "your_blocks.md").read_text()
    exec(code_blocks(text, "python")[0], {"__name__": "guide"})
    model = yaml_model_load("yolo11n.yaml")
    (row,) = yaml.safe_load(code_blocks(text, "yaml")[0])
    assert row[2] == "GatedSum"
    model["head"] = [row, [[4, 11], 1, "Detect", ["nc"]]]
    built = DetectionModel(model, verbose=False).eval()
    x = torch.rand(1, 3, 64, 64)
    assert built(x)[0].shape[0] == 1
    assert built.model[11].gain.shape == (128,)


def test_the_rows_in_the_readme_build():
    model = yaml_model_load("yolo11n.yaml")
    rows = yaml.safe_load(code_blocks(README, "yaml")[0])["head"]
    model["head"] = [*rows, [[4, 15], 1, "Detect", ["nc"]]]
    built = DetectionModel(model, verbose=False)
    assert [type(layer).__name__ for layer in built.model][11:16] == ["FINE", "Upsample", "Concat", "C3k2", "EMA"]


def test_the_message_in_the_readme_is_the_message():
    (shown,) = [line for line in README.splitlines() if line.startswith("yolo_fine: yolo11n-mine.yaml")]
    model = yaml_model_load("yolo11n-fine.yaml")
    model["yaml_file"] = "yolo11n-mine.yaml"
    model["head"][0] = [[-1, 6], 1, "FINEE", [1]]
    with pytest.raises(UnknownBlockError) as caught:
        DetectionModel(copy.deepcopy(model), verbose=False)
    assert f"yolo_fine: {caught.value}" == shown


@pytest.mark.skipif(installed_version() < (8, 4, 190), reason="older releases carry no classes over by name")
def test_readme_and_guide_show_the_line_that_training_begins_with():
    source = DetectionModel("yolo11n.yaml", verbose=False)
    model = DetectionModel("yolo11n-fine.yaml", nc=10, verbose=False)
    for network, data in ((source, "coco"), (model, "VisDrone")):
        network.names = yaml.safe_load((STOCK / "cfg" / "datasets" / f"{data}.yaml").read_text())["names"]
    model.load(source, verbose=False)
    line = f"yolo_fine: {transfer_report(model).line}"
    for page in ("README.md", "docs/visdrone.md"):
        assert line in " ".join((ROOT / page).read_text().split())


def test_the_readme_names_every_block_and_verb():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from readme_tables import renewed
    finally:
        sys.path.pop(0)
    assert renewed(README) == README


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"
