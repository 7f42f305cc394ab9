# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages as a site: links and anchors lead somewhere, every page is in the navigation, commands are as they are."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from tests.commands import run
from yolo_fine.catalog import get_block
from yolo_fine.cli.verbs import VERBS
from yolo_fine.layers.views import Heat
from yolo_fine.utils.calls import parameters_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def dead_links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    dead = []
    for link in LINK.findall(text):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_lead_somewhere(page):
    assert dead_links(page) == []


def test_the_check_of_links_sees_dead_ones(tmp_path):
    (tmp_path / "other.md").write_text("# A heading, with `code`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#a-heading-with-code) [b](other.md#no) [c](gone.md) [d](#here) [e](http://x.y)\n# Here\n"
    )
    assert dead_links(page) == ["other.md#no", "gone.md"]


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield
    for name in ("build_docs", "command_pages"):
        sys.modules.pop(name, None)


def test_every_page_is_in_one_section(scripts):
    from build_docs import navigation

    listed = [file for pages in navigation().values() for _, file in pages]
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_every_command_has_its_page_with_its_arguments(scripts):
    from command_pages import file_of

    index = (DOCS / "commands" / "index.md").read_text(encoding="utf-8")
    for name, verb in VERBS.items():
        page = (DOCS / "commands" / file_of(name)).read_text(encoding="utf-8")
        named = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
        assert named == list(parameters_of(verb.load())), f"python scripts/make_pages.py commands ({name})"
        assert all(example in page for example in verb.examples)
        assert f"[{name}]({file_of(name)})" in index


def test_the_api_page_names_things_that_exist():
    places = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(places) > 20
    for place in places:
        module, _, name = place.rpartition(".")
        assert hasattr(importlib.import_module(module), name) or importlib.util.find_spec(place), place


def test_the_rows_that_take_the_place_of_a_forks_rows_build():
    text = (DOCS / "migration.md").read_text(encoding="utf-8")
    lines = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| `[")]
    rows = [row for line in lines for row in re.findall(r"`(\[.*?\])`", line)]
    assert len(rows) >= 9
    for row in rows:
        _, _, name, arguments = yaml.safe_load(row)
        spec = get_block(name)
        spec.bind(arguments[1:] if spec.out == "arg" else arguments)
    model = yaml_model_load("yolo11n.yaml")
    head = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)[0])["head"]
    model["head"] = [*head, [[len(model["backbone"]) + len(head) - 1], 1, "Detect", ["nc"]]]
    built = DetectionModel(model, verbose=False).eval()
    assert built(torch.rand(1, 3, 64, 64))[0].shape[0] == 1


def test_a_block_of_your_own_shows_itself_as_the_page_says():
    text = (DOCS / "explain.md").read_text(encoding="utf-8")
    space: dict = {}
    exec(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[1], space)
    block = type("Mine", (), {"gate": lambda self, x: x.sigmoid(), "views": space["views"]})()
    (view,) = block.views(torch.zeros(1, 2, 3, 3))
    assert isinstance(view, Heat)
    assert view.neutral == 1
    assert float(view.values.mean()) == 0.5


@pytest.mark.skipif(shutil.which("zensical") is None, reason="zensical is not installed")
def test_the_site_is_built(tmp_path):
    done = run([sys.executable, "scripts/build_docs.py", f"out={tmp_path / 'site'}"], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {file.relative_to(tmp_path / "site").as_posix() for file in (tmp_path / "site").rglob("*.html")}
    written = {page.relative_to(DOCS).with_suffix(".html").as_posix() for page in DOCS.rglob("*.md")}
    assert {name.replace("README", "index") for name in written} <= pages
    api = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    assert "Put blocks into the neck of a base model" in api  # docstrings are there
    asked = [link for file in (tmp_path / "site").rglob("*.html") for link in loaded(file.read_text(encoding="utf-8"))]
    assert [link for link in asked if "://" in link] == []  # nothing is loaded from a network


def loaded(page: str) -> list[str]:
    """What a page loads by itself: scripts, styles and images."""
    sources = re.findall(r'<(?:script|img)[^>]+src="([^"]+)"', page)
    return sources + re.findall(r'<link[^>]+stylesheet[^>]+href="([^"]+)"', page)
