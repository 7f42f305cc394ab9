# SPDX-License-Identifier: AGPL-3.0-or-later
"""The notebook runs from its first to its last cell, and what is committed is a run of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.extent import ALL

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "visdrone.ipynb"


@pytest.fixture
def notebook():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_committed_notebook_was_run_and_shows_results(notebook):
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    kinds = [kind for output in outputs(notebook) for kind in output.get("data", {})]
    assert kinds.count("image/jpeg") == 3
    assert kinds.count("text/html") >= 6
    assert NOTEBOOK.stat().st_size < 400_000
    assert not any("/tmp" in str(output) or "/home" in str(output) for output in outputs(notebook))


@pytest.mark.skipif(not ALL, reason="trains two models in a kernel of its own: YOLO_FINE_ALL=1")
def test_the_notebook_runs_on_small_data(notebook, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("YOLO_FINE_NOTEBOOK", "quick")
    nbclient.NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for file in ("yolo11n-mine.yaml", "mine.pt", "runs/eval_mine/report.html", "runs/explain/explain.html"):
        assert (tmp_path / file).is_file()
    shown = [output["data"]["text/html"] for output in outputs(notebook) if "text/html" in output.get("data", {})]
    assert "equal" in shown[-1]
    assert "493/493 pretrained tensors" in "".join(shown)
