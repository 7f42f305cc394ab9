# SPDX-License-Identifier: AGPL-3.0-or-later
"""Model YAMLs cut into rows and put together again."""

from __future__ import annotations

from pathlib import Path

import pytest
import ultralytics
import yaml

from yolo_fine.composer.document import Layer, flow, read_document
from yolo_fine.errors import ModelYamlError

STOCK = sorted((Path(ultralytics.__file__).parent / "cfg" / "models").rglob("*.yaml"))
SMALL = """nc: 2 # classes
backbone:
  # comment of the backbone
  - [-1, 1, Conv, [8, 3, 2]] # 0-P1/2
  - [-1, 1, Conv, [16, 3, 2]] # 1-P2/4

# the head
head:
  - [-1, 1, nn.Identity, []] # X (2)
  - [[-2, 1], 1, Concat, [1]]

  - [[3], 1, Detect, [nc]] # Detect(P2)
# the end
"""


@pytest.mark.parametrize("file", STOCK, ids=lambda file: file.name)
def test_every_stock_yaml_comes_back_to_the_byte(file):
    text = file.read_text()
    assert read_document(text, file.name).render() == text


def test_an_inserted_row_shifts_every_number_behind_it():
    document = read_document(SMALL, "small.yaml")
    new = Layer([document.rows[0]], "EMA", [{"gain": 0.5}], comment="{n}: new")
    document.insert_before(document.rows[2], new)
    assert document.render() == SMALL.replace(
        "  - [-1, 1, nn.Identity, []] # X (2)\n  - [[-2, 1], 1, Concat, [1]]\n\n  - [[3],",
        "  - [0, 1, EMA, [{gain: 0.5}]] # 2: new\n  - [1, 1, nn.Identity, []] # X (3)\n"
        "  - [[1, 1], 1, Concat, [1]]\n\n  - [[4],",
    )


def test_rows_over_several_lines_keep_their_meaning():
    text = SMALL.replace(
        "  - [[-2, 1], 1, Concat, [1]]\n",
        "  -\n    - [-2, 1]\n    - 1\n    - Concat\n    - - 1\n  # a comment below\n",
    )
    rendered = read_document(text, "small.yaml").render()
    assert yaml.safe_load(rendered) == yaml.safe_load(text)
    assert "  # a comment below\n" in rendered


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nc: 2", "nc: [2", "not readable YAML"),
        ("head:\n", "tail:\n", "'head' must be a list of rows"),
        ("[-1, 1, nn.Identity, []]", "[-1, 1, nn.Identity]", r"layer 2 \(head\[0\]\).*four entries"),
        ("[[-2, 1], 1", "[[-2, 9], 1", r"layer 3 \(head\[1\]\).*by number, got 9"),
        ("[[-2, 1], 1", "[[-9, 1], 1", "by number, got -9"),
        ("[[-2, 1], 1", "[[x, 1], 1", "by number, got 'x'"),
    ],
)
def test_what_is_no_model_is_said_in_one_message(old, new, said):
    with pytest.raises(ModelYamlError, match=said):
        read_document(SMALL.replace(old, new), "small.yaml")


@pytest.mark.parametrize("value", [256, True, None, "nc", "two words", 'a "b"', [1, {"gain": 0.0, "mode": "x y"}], []])
def test_values_are_written_as_yaml_reads_them(value):
    assert yaml.safe_load(flow(value)) == (value if value is not None else "None")
