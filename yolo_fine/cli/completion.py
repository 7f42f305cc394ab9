# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine completion``: a script with which bash, zsh or fish completes verbs, keys and values.

The script holds all words, so that a shell completes without starting Python; make it again after an upgrade.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal

from yolo_fine.cli.help import shown_type
from yolo_fine.cli.verbs import FORWARDED, VERBS
from yolo_fine.utils.calls import parameters_of, public
from yolo_fine.utils.files import write_text
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

FILES = "<files>"  # stands for file names among the values of a key
SCRIPTS = Path(__file__).parent / "shells"
PLACES = {
    "bash": Path(".local/share/bash-completion/completions/yolo-fine"),
    "zsh": Path(".zsh/completions/_yolo-fine"),
    "fish": Path(".config/fish/completions/yolo-fine.fish"),
}
ADVICE = {
    "bash": "new shells complete, where the package bash-completion is installed; else add to ~/.bashrc: source {file}",
    "zsh": "add to ~/.zshrc: fpath=({folder} $fpath); autoload -Uz compinit; compinit",
    "fish": "new shells complete",
}


@dataclass(frozen=True, repr=False)
class Completion(Result):
    """A script; ``file`` is where it was written, if it was."""

    shell: str
    script: str
    file: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The shell, the script and the file."""
        return {"shell": self.shell, "script": self.script, "file": None if self.file is None else str(self.file)}

    def summary(self) -> str:
        """The script, or where it was written."""
        if self.file is None:
            return self.script.rstrip()
        return f"written: {self.file}\n{ADVICE[self.shell].format(file=self.file, folder=self.file.parent)}"

    def table(self) -> list[Row]:
        """One row."""
        return [{"shell": self.shell, "file": self.file}]

    def show(self) -> list[str | Table]:
        """The summary."""
        return [self.summary()]


@public
def completion(shell: Literal["bash", "zsh", "fish"], install: bool = False) -> Completion:
    """Print a script with which a shell completes verbs, keys and values, or install it.

    Args:
        shell: The shell.
        install: Write the script where the shell looks for it, in the home folder.

    Raises:
        ArgumentError: The file can't be written.
    """
    script = Template((SCRIPTS / f"yolo-fine.{shell}").read_text(encoding="utf-8")).substitute(
        verbs=" ".join(_verbs()),
        subverbs=_case(_subverbs(), shell),
        keys=_case(_keys(), shell),
        values=_values(shell),
    )
    if not install:
        return Completion(shell, script)
    file = Path.home() / PLACES[shell]
    write_text(file, script)
    return Completion(shell, script, file)


def _verbs() -> list[str]:
    return list(dict.fromkeys([*(name.split()[0] for name in VERBS), *FORWARDED, "help", "version"]))


def _subverbs() -> dict[str, list[str]]:
    """``data`` -> ``visdrone``, ``coco``, ``check``."""
    found: dict[str, list[str]] = {}
    for name in VERBS:
        first, _, second = name.partition(" ")
        if second:
            found.setdefault(first, []).append(second)
    return found


def _keys() -> dict[str, list[str]]:
    """The keys of every verb, each with ``=``."""
    from yolo_fine.integration.commands import mode_arguments

    ours = {name: [f"{key}=" for key in parameters_of(verb.load())] for name, verb in VERBS.items()}
    stock = [f"{argument.key}=" for argument in mode_arguments()]
    return {
        **ours,
        **{mode: ours.get(mode, []) + [k for k in stock if k not in ours.get(mode, [])] for mode in FORWARDED},
    }


def _values(shell: str) -> str:
    """Cases ``verb:key`` -> values; the values of a word without key stand under ``verb:``."""
    from yolo_fine.catalog import list_blocks
    from yolo_fine.integration.model_files import packaged_files
    from yolo_fine.integration.model_names import with_scale

    models = [with_scale(name, "n") for name in packaged_files("models")]
    blocks = [spec.name for spec in list_blocks()]
    known = {"model": [*models, FILES], "base": [*models, FILES], "fuse": blocks, "refine": blocks, "upsample": blocks}
    known |= {"downsample": blocks, "context": blocks, "data": [*packaged_files("datasets"), FILES]}
    cases: dict[str, list[str]] = {}
    for name, verb in VERBS.items():
        for key, parameter in parameters_of(verb.load()).items():
            cases[f"{name}:{key}"] = known.get(key) or _choices(parameter.annotation)
        for key in (verb.bare or "").split()[:1]:
            own = {"blocks": blocks, "models": [*models, FILES]}
            cases[f"{name}:"] = own.get(name) or cases[f"{name}:{key}"]
    for mode in FORWARDED:
        cases |= {f"{mode}:model": known["model"], f"{mode}:data": known["data"]}
        cases |= {
            f"{mode}:{key}": [FILES] for key in ("source", "pretrained", "project") if f"{mode}:{key}" not in cases
        }
    return _case({key: values for key, values in cases.items() if values}, shell)


def _choices(annotation: Any) -> list[str]:
    """What a value may be, where that is a short list or a file."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return [str(choice) for choice in inner]
    if annotation is bool:
        return ["True", "False"]
    if "path" in shown_type(annotation):
        return [FILES]
    return list(dict.fromkeys(choice for option in inner for choice in _choices(option)))


def _case(words: dict[str, list[str]], shell: str) -> str:
    """Branches of a ``case`` (bash, zsh) or ``switch`` (fish), one for each key."""
    if shell == "fish":
        return "\n".join(f"        case '{key}'\n            echo '{' '.join(some)}'" for key, some in words.items())
    return "\n".join(f"    '{key}') echo '{' '.join(some)}' ;;" for key, some in words.items())
