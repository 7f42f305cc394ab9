# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds the docs as a static site, offline: ``python scripts/build_docs.py [out=site] [strict=True]``.

Pages are those of ``docs/``, gathered in a temporary folder where links that lead out of ``docs/`` become links to the
repository. The order of the pages stands in :data:`NAVIGATION`; pages that are not there yet are left out. Needs
``pip install -e ".[docs]"``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from yolo_fine.errors import ArgumentError, YoloFineError

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/yolo-fine/yolo-fine/blob/main/"
NAVIGATION: dict[str, list[tuple[str, str]]] = {
    "Start": [
        ("Start", "index.md"),
        ("VisDrone end to end", "visdrone.md"),
        ("Small objects for trying", "smallobjects.md"),
        ("From a fork", "migration.md"),
        ("FAQ", "faq.md"),
        ("Limits", "limits.md"),
    ],
    "Models": [
        ("Blocks", "blocks.md"),
        ("Packaged models", "models.md"),
        ("Compose, lint, seed", "compose.md"),
        ("Pretrained weights", "transfer.md"),
        ("Detection levels", "levels.md"),
        ("What training can see", "assign.md"),
        ("Blocks of your own", "your_blocks.md"),
        ("Reading list", "reading-list.md"),
    ],
    "Data and evaluation": [
        ("Data", "data.md"),
        ("Slices", "slicing.md"),
        ("Evaluation", "evaluation.md"),
        ("See it: explain", "explain.md"),
        ("Misses in FiftyOne and CVAT", "misses.md"),
        ("Logging", "logging.md"),
    ],
    "Export": [("Export, proven", "export.md"), ("Figures", "export_figures.md")],
    "Evidence": [
        ("Ablations", "ablation.md"),
        ("Study", "study.md"),
        ("Cost", "cost.md"),
        ("Reliability", "reliability.md"),
        ("Ultralytics releases", "upstream.md"),
    ],
    "Commands": [("The command", "command.md"), ("All commands", "commands/index.md")],
    "API": [("Python", "api.md")],
    "About": [
        ("How it plugs in", "how_it_plugs_in.md"),
        ("Licences of data and weights", "licences.md"),
        ("Decisions", "decisions/README.md"),
    ],
}


def navigation() -> dict[str, list[tuple[str, str]]]:
    """Sections with those of their pages that exist; commands and decisions are listed by their files.

    Pages that :data:`NAVIGATION` does not name stand in a section of their own, at the end.
    """
    sections = {name: [page for page in pages if (DOCS / page[1]).exists()] for name, pages in NAVIGATION.items()}
    listed = {file for pages in sections.values() for _, file in pages}
    for name, folder in (("Commands", "commands"), ("About", "decisions")):
        for file in sorted((DOCS / folder).glob("*.md")):
            place = file.relative_to(DOCS).as_posix()
            if place not in listed:
                sections[name].append((title_of(file), place))
                listed.add(place)
    others = [file for file in sorted(DOCS.rglob("*.md")) if file.relative_to(DOCS).as_posix() not in listed]
    if others:
        sections["More"] = [(title_of(file), file.relative_to(DOCS).as_posix()) for file in others]
    return sections


def title_of(file: Path) -> str:
    """A page's first heading."""
    found = re.search(r"^# (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1).removeprefix("yolo-fine ") if found else file.stem


def gather(folder: Path) -> None:
    """Copy the pages; links that lead out of ``docs/`` become links to the repository."""
    shutil.copytree(DOCS, folder)
    for file in folder.rglob("*.md"):
        depth = len(file.relative_to(folder).parts)
        text = file.read_text(encoding="utf-8")
        text = re.sub(rf"\]\((?:\.\./){{{depth}}}([^)]+)\)", rf"]({REPOSITORY}\1)", text)
        file.write_text(text, encoding="utf-8")


def configuration(sections: dict[str, list[tuple[str, str]]]) -> str:
    """``zensical.toml`` with the navigation."""
    lines = []
    for name, pages in sections.items():
        inner = ", ".join(f"{{ {json.dumps(title)} = {json.dumps(file)} }}" for title, file in pages)
        lines += [f"  {{ {json.dumps(name)} = [{inner}] }},"] if pages else []
    text = (
        (ROOT / "zensical.toml")
        .read_text(encoding="utf-8")
        .replace('paths = ["."]', f"paths = [{json.dumps(str(ROOT))}]")
    )
    nav = "nav = [\n" + "\n".join(lines) + "\n]\n"
    return text.replace("use_directory_urls", f"{nav}use_directory_urls", 1)


def build(out: Path, strict: bool) -> None:
    """Build the site into ``out``; an earlier one there is replaced when the new one is complete.

    Raises:
        ArgumentError: zensical is not installed, or ``out`` is something else.
        YoloFineError: The build failed.
    """
    if shutil.which("zensical") is None:
        raise ArgumentError('the docs need zensical: pip install -e ".[docs]"')
    if out.exists() and not (out / "index.html").exists():
        raise ArgumentError(f"out={out} holds something else; name a new folder")
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        gather(work / "docs")
        (work / "zensical.toml").write_text(configuration(navigation()), encoding="utf-8")
        done = subprocess.run(
            ["zensical", "build", "--clean", *(["--strict"] if strict else [])],
            cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode or not (work / "site" / "index.html").exists():
            raise YoloFineError(f"zensical failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(work / "site", out)
    print(f"written: {out / 'index.html'}")


if __name__ == "__main__":
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    try:
        build(Path(words.get("out", ROOT / "site")), words.get("strict", "False") == "True")
    except YoloFineError as error:
        sys.exit(f"build_docs: {error}")
