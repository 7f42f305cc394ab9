# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a block's declaration calls it, its documentation calls it too: paper, reconstruction, adaptation."""

from __future__ import annotations

import pytest

from yolo_fine import list_blocks
from yolo_fine.block_spec import BlockSpec

PACKAGED = [spec for spec in list_blocks() if spec.cls.__module__.startswith("yolo_fine.")]
WORDS = {"reconstruction": "RECONSTRUCTION", "adaptation": "ADAPTATION"}


@pytest.mark.parametrize("spec", PACKAGED, ids=lambda spec: spec.name)
def test_the_label_of_evidence_is_that_of_the_docstring(spec: BlockSpec) -> None:
    text = spec.cls.__doc__ or ""
    said = {origin for origin, word in WORDS.items() if word in text}
    if "arxiv.org" in spec.paper:
        assert said == {spec.origin} - {"paper"}
    else:
        assert spec.origin == "adaptation", "without a paper there is nothing that was published"
    if spec.origin == "paper":
        assert any(word in text for word in ("authors'", "reproduces", "compared with", "written from"))


def test_fine_names_the_form_that_was_published_and_both_attentions() -> None:
    text = next(spec.cls.__doc__ for spec in PACKAGED if spec.name == "FINE") or ""
    for word in ("published form", "{modulation: mul}", "``linear``", "``softmax``", "only the abstract could be read"):
        assert word in " ".join(text.split())
