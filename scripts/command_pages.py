# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages of ``docs/commands/``: one a command, from its docstring and annotations, as ``--help`` is made."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import docstring_parser

import yolo_fine
from yolo_fine.cli.verbs import VERBS, Verb
from yolo_fine.utils.arguments import type_name
from yolo_fine.utils.calls import parameters_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
INDEX = """# Commands

Arguments are written `key=value`, as for Ultralytics' own `yolo`. `yolo-fine VERB --help` says the same as these pages.
Commands with a result take `json=FILE`; they end with 0 (done), 1 (checked and failed) or 2 (can't be done as asked).

| command | what it is for |
|---|---|
{rows}
| `train`, `val`, `predict`, `track` | Ultralytics' own modes, same arguments, inputs checked before a run |

Made by `python scripts/make_pages.py commands`.
"""
PAGE = """# yolo-fine {name}

{purpose}.

```bash
{examples}
```

{about}

{arguments}{python}{errors}
Made by `python scripts/make_pages.py commands`.
"""
GUIDES = {
    "data visdrone": ["data.md"], "data coco": ["data.md"], "data check": ["data.md"], "eval": ["evaluation.md"],
    "explain": ["explain.md"], "misses": ["misses.md"], "export": ["export.md"], "blocks": ["blocks.md"],
    "models": ["models.md"], "demo": ["smallobjects.md"], "bench blocks": ["cost.md"], "bench models": ["cost.md"],
    "assign": ["assign.md"], "ablate": ["study.md"], "predict": ["slicing.md"], "data slice": ["slicing.md"],
    "compose": ["compose.md"], "lint": ["compose.md"], "seed": ["compose.md", "transfer.md"],
}  # fmt: skip


def command_pages() -> dict[str, str]:
    """Contents by file name below ``docs/``."""
    rows = [f"| [{name}]({file_of(name)}) | {verb.purpose} |" for name, verb in VERBS.items()]
    pages = {f"commands/{file_of(name)}": page(name, verb) for name, verb in VERBS.items()}
    return {"commands/index.md": INDEX.format(rows="\n".join(rows)), **pages}


def file_of(name: str) -> str:
    """``bench blocks`` -> ``bench_blocks.md``."""
    return f"{name.replace(' ', '_')}.md"


def page(name: str, verb: Verb) -> str:
    """One command."""
    function = verb.load()
    said = docstring_parser.parse(inspect.getdoc(inspect.unwrap(function)) or "")
    about = "\n\n".join(markdown(part) for part in (said.short_description, said.long_description) if part)
    for guide in filter(lambda guide: (DOCS / guide).exists(), GUIDES.get(name, [])):
        about += f"\n\nMore: [{guide.removesuffix('.md').replace('_', ' ')}](../{guide})."
    errors = [f"* `{one.type_name}`: {flat(one.description)}" for one in said.raises]
    return PAGE.format(
        name=name,
        purpose=verb.purpose[0].upper() + verb.purpose[1:],
        examples="\n".join(verb.examples),
        about=about,
        arguments=arguments(verb, {one.arg_name: flat(one.description) for one in said.params}),
        python=python(function, said),
        errors="## What ends in a message\n\n" + "\n".join(errors) + "\n" if errors else "",
    )


def arguments(verb: Verb, meanings: dict[str, str]) -> str:
    """The table of arguments."""
    rows = []
    for key, parameter in parameters_of(verb.load()).items():
        default = "**must be given**" if parameter.default is parameter.empty else f"`{parameter.default}`"
        default = "" if parameter.default is None else default
        kind = type_name(parameter.annotation).replace("|", "\\|")
        rows.append(f"| `{key}` | {kind} | {default} | {meanings.get(key, '')} |")
    if not rows:
        return ""
    words = [f"`{word}`" for word in (verb.bare or "").split()]
    how = "its key" if len(words) == 1 else "their keys, in this order"
    bare = f"\n{' and '.join(words)} may be given without {how}.\n" if words else ""
    head = "## Arguments\n\n| argument | type | default | meaning |\n|---|---|---|---|"
    return "\n".join([head, *rows, f"{bare}\n"])


def python(function: object, said: docstring_parser.Docstring) -> str:
    """The same from Python, where the function is public."""
    inner = inspect.unwrap(function)  # type: ignore[arg-type]
    for name in yolo_fine.__all__:
        if inspect.unwrap(getattr(yolo_fine, name), stop=None) is inner:
            returned = flat(said.returns.description) if said.returns else ""
            words = f"`yolo_fine.{name}(...)` takes the same arguments by name, prints nothing, and returns a result: "
            words += returned or "`summary()`, `table()`, `to_dict()`, `to_json(file)` and `to_dataframe()` show it."
            return f"## From Python\n\n{words}\n\n"
    return ""


def flat(text: str | None) -> str:
    """Text of a docstring as one line of Markdown."""
    return markdown(" ".join((text or "").split())).replace("|", "\\|")


def markdown(text: str) -> str:
    """Docstring marks as Markdown."""
    text = re.sub(r":\w+:`~?\.*(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`").replace("::\n", ":\n").strip()
