# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rows of a model YAML: where each one stands, and what can be said of it before anything is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.catalog import block_aliases
from yolo_fine.errors import ModelYamlError, UnknownBlockError
from yolo_fine.utils.hints import did_you_mean

MOST_SHOWN = 300  # characters of a row in a message
ACCEPTED = "\n  accepted: "  # a block's signature stands on a line of its own


@dataclass(frozen=True)
class Row:
    """One row ``[from, repeats, module, args]``.

    Attributes:
        index: Layer index in the model.
        section: ``backbone`` or ``head``, and ``position`` the row's index in it.
        raw: The row as written.
        file: The YAML's path, or ``model YAML`` where it was given as a dictionary.
    """

    index: int
    section: str
    position: int
    raw: Any
    file: str

    @property
    def module(self) -> str | None:
        """The module's name, or None where the row has none."""
        has_name = isinstance(self.raw, (list, tuple)) and len(self.raw) == 4 and isinstance(self.raw[2], str)
        return self.raw[2] if has_name else None

    @property
    def sources(self) -> list[int]:
        """The ``from`` entries, as a list."""
        return list(self.raw[0]) if isinstance(self.raw[0], (list, tuple)) else [self.raw[0]]

    @property
    def is_single(self) -> bool:
        """Whether the row's module is called with one map, not with a list of them."""
        return not isinstance(self.raw[0], (list, tuple))

    @property
    def absolute_sources(self) -> list[int]:
        """The ``from`` entries as layer indices; -1 in the first row is the image."""
        return [s if s >= 0 or self.index == 0 else self.index + s for s in self.sources]

    def error(self, reason: object, spec: BlockSpec | None = None) -> ModelYamlError:
        """An error that says where the row is, what it is, and what would be accepted."""
        signature = f"{ACCEPTED}{spec.signature}" if spec else ""
        return ModelYamlError(f"{self.where}: {reason}{signature}")

    def unknown(self, known: list[str]) -> UnknownBlockError:
        """The error for a module name that nobody knows."""
        name = self.raw[2]
        near = did_you_mean(str(name), known, block_aliases())
        return UnknownBlockError(f"{self.where}: unknown module '{name}'{near}")

    @property
    def where(self) -> str:
        """``FILE: layer 14 (head[3]) [[-1, 6], 1, 'FINE', [1]]``."""
        shown = str(self.raw)
        if len(shown) > MOST_SHOWN:
            shown = f"{shown[: MOST_SHOWN // 2]} ... {shown[-MOST_SHOWN // 2 :]}"
        return f"{self.file}: layer {self.index} ({self.section}[{self.position}]) {shown}"

    def check(self, spec: BlockSpec | None = None) -> None:
        """Raise :class:`ModelYamlError` unless this row's sources lie above it. ``spec`` is the block that it names."""
        if not isinstance(self.raw, (list, tuple)) or len(self.raw) != 4:
            raise self.error("a row has four entries: [from, repeats, module, args]", spec)
        if not self.sources:
            raise self.error("'from' names no layer", spec)
        for source in self.sources:
            if not isinstance(source, int) or isinstance(source, bool):
                raise self.error(f"'from' must be a layer index or a list of them, got {as_yaml_has_it(source)}", spec)
        for source, absolute in zip(self.sources, self.absolute_sources, strict=True):
            if self.index == 0 and source == -1:
                continue  # the image
            if absolute >= self.index:
                raise self.error(f"'from' points forward: {source} is not above layer {self.index}", spec)
            if absolute < 0:
                raise self.error(f"'from' {source} lies before the first layer", spec)
        if not isinstance(self.raw[1], int) or isinstance(self.raw[1], bool) or self.raw[1] < 1:
            raise self.error(f"repeats must be a whole number from 1, got {as_yaml_has_it(self.raw[1])}", spec)
        if not isinstance(self.raw[2], str):
            raise self.error(f"the module must be a name, got {as_yaml_has_it(self.raw[2])}", spec)
        if not isinstance(self.raw[3], (list, tuple)):
            raise self.error(f"the arguments must be a list, got {self.raw[3]!r}", spec)


def with_clause(message: object, clause: str) -> str:
    """A message with a clause more on its first line, in front of what is accepted."""
    first, accepted, signature = str(message).partition(ACCEPTED)
    return f"{first}{clause}{accepted}{signature}"


def read_rows(model: dict[str, Any]) -> Iterator[Row]:
    """The rows of a model dictionary, backbone first, as Ultralytics numbers them."""
    file = str(model.get("yaml_file") or "model YAML")
    index = 0
    for section in ("backbone", "head"):
        for position, raw in enumerate(model.get(section) or []):
            yield Row(index, section, position, raw, file)
            index += 1


def as_yaml_has_it(value: Any) -> str:
    """A value for a message; YAML's words for flags are explained where no flag can be meant."""
    words = " (YAML reads yes, on and true as True, no, off and false as False)" if isinstance(value, bool) else ""
    return f"{value!r}{words}"


def variants(row: Row) -> Iterator[tuple[list[Any], str]]:
    """Small changes of a row, and what to say if one of them is the right thing."""
    source, repeats, *rest = row.raw
    if repeats > 1:
        yield [source, 1, *rest], "with repeats 1 it fits: repeats follow one another"
    if row.is_single:
        yield [[source], repeats, *rest], f"it reads a list of layers: write 'from' as [{source}, ...]"
    else:
        yield [source[0], repeats, *rest], f"it reads one layer: write 'from' as {source[0]}"
