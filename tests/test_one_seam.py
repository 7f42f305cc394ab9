# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outside ``integration/`` only Ultralytics' public names are used: no import, no attribute and no text names more."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import yolo_fine

PACKAGE = Path(yolo_fine.__file__).parent
PUBLIC = {
    ("ultralytics", "YOLO"),
    ("ultralytics", "settings"),
    ("ultralytics", "__version__"),
    ("ultralytics.nn.modules", "Conv"),
}
# What Ultralytics' models, trainers and validators hold besides their documented results.
INTERNAL = {"trainer", "predictor", "validator", "ckpt_path", "overrides", "batch_size", "save_dir", "dataloader"}
HOLDERS = {"model", "detector", "yolo", "trainer", "validator", "network", "self.model"}
NOT_YET = {"data/check/splits.py", "formats/yolo_labels.py", "formats/yolo_layout.py"}  # see integration/datasets.py


def modules() -> list[Path]:
    files = [file for file in sorted(PACKAGE.rglob("*.py")) if "integration" not in file.relative_to(PACKAGE).parts]
    return [file for file in files if str(file.relative_to(PACKAGE)) not in NOT_YET]


def imported(tree: ast.AST) -> list[tuple[str, str]]:
    """Everything of Ultralytics that a module imports, as (module, name)."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, "*") for alias in node.names if alias.name.split(".")[0] == "ultralytics"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ultralytics":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found += [(ast.unparse(word), "*") for word in node.args if "ultralytics" in ast.unparse(word)]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.modules":
            found += [(ast.unparse(node.slice), "*")] * ("ultralytics" in ast.unparse(node.slice))
    return found


def internals(tree: ast.AST) -> list[str]:
    """Attributes of Ultralytics' objects that are its own business, as far as their names show it."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in INTERNAL and ast.unparse(node.value) in HOLDERS
    ]


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_public_names_are_used(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert [found for found in imported(tree) if found not in PUBLIC] == []
    assert internals(tree) == []


def test_the_check_sees_what_it_is_for() -> None:
    tree = ast.parse(
        "import ultralytics.nn.tasks\n"
        "from ultralytics.utils import LOGGER\n"
        "import importlib, sys\n"
        "importlib.import_module('ultralytics.engine')\n"
        "sys.modules['ultralytics.cfg']\n"
        "def f(detector):\n    return detector.trainer.batch_size\n"
    )
    assert len(imported(tree)) == 4
    assert internals(tree) == ["detector.trainer"]
    assert imported(ast.parse("from ultralytics import YOLO")) == [("ultralytics", "YOLO")]


def test_the_seam_is_no_wider_than_it_must_be() -> None:
    """Names in text, as a patch by path would have them."""
    dotted = re.compile(r"[\"']ultralytics\.[\w.]+[\"']")
    found = {str(file.relative_to(PACKAGE)) for file in modules() if dotted.search(file.read_text(encoding="utf-8"))}
    assert found == {"import_hook.py"}
