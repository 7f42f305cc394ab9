# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a block declares about itself: inputs, outputs, arguments, and where it fits. It knows no torch."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yolo_fine.errors import BlockArgumentError
from yolo_fine.utils.arguments import bind_arguments, type_name

KINDS = ("fuse", "upsample", "downsample", "refine", "context", "conv", "pick")
ORIGINS = ("paper", "reconstruction", "adaptation")


@dataclass(frozen=True)
class BlockSpec:
    """A registered block.

    Attributes:
        name: The name that a YAML row uses.
        cls: The ``nn.Module`` class.
        inputs: ``1``, ``"n"`` (any number of maps), ``"maps"`` (one row that puts out several, all of them), or the
            names of the inputs in the order of the row's ``from``.
        out: How the output channels follow: ``"same"``, ``"first"``, ``"last"``, ``"sum"``, ``"arg"`` (the row's first
            argument, scaled by the model's width) or the name of an input; for ``inputs="maps"`` also ``"picked"``:
            those of the map that the argument ``index`` names. Of several outputs each has as many, or with ``"each"``
            the i-th output those of the i-th input.
        kind: One of :data:`KINDS`.
        paper: Link to the paper, or an empty string.
        origin: ``"paper"`` if it follows published code or equations, else ``"reconstruction"`` or ``"adaptation"``.
        strides: Stride of each input relative to the block's place: 2 is a map of half the size. Empty: all are equal.
        arguments_at: The arguments that fit a place in the neck, given how many levels its map lies below the coarsest
            lateral map (0 for P4 where P5 is the coarsest map). None: the defaults fit everywhere.
        aliases: Names by which forks and papers call the block; a row that uses one is answered with the block's name.
        quadratic: For a block that attends from cells to cells: from its arguments to the number by which the values
            of a head's attention are fewer than the square of the map's cells; 0 where these arguments avoid it.
        outputs: How many maps the block puts out: 1 (a map), more (a list of that many), ``"n"`` (a list as long as
            that of its inputs), or a function of the number of inputs and of the arguments, defaults included.
    """

    name: str
    cls: type
    inputs: int | str | tuple[str, ...]
    out: str
    kind: str
    paper: str = ""
    origin: str = "paper"
    strides: tuple[float, ...] = ()
    arguments_at: Callable[[int], list[Any]] | None = None
    aliases: tuple[str, ...] = ()
    quadratic: Callable[[Mapping[str, Any]], float] | None = None
    outputs: int | str | Callable[[int, Mapping[str, Any]], int] = 1

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """Names of the inputs, or None if any number is accepted."""
        if self.inputs == "n":
            return None
        if self.inputs == "maps":
            return ("maps",)
        return ("x",) if self.inputs == 1 else typing.cast("tuple[str, ...]", self.inputs)

    @property
    def reads_one_row(self) -> bool:
        """Whether the block is called with what one row puts out, not with a list of rows' outputs."""
        return self.inputs in (1, "maps")

    @property
    def gives_maps(self) -> bool:
        """Whether the block puts out a list of maps, of which rows below take one each."""
        return self.outputs != 1

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The row's arguments: the constructor's parameters behind the channels, with resolved annotations."""
        hints = typing.get_type_hints(self.cls.__init__, include_extras=True)  # type: ignore[misc]
        names = list(inspect.signature(self.cls).parameters.values())[self._injected :]
        return tuple(p.replace(annotation=hints.get(p.name, Any)) for p in names if p.name != "repeats")

    @property
    def _injected(self) -> int:
        """How many leading parameters of the constructor are channels: one an input, and ``c2`` for ``out="arg"``."""
        return (1 if self.takes_list else len(self.input_names or ())) + (self.out == "arg")

    @property
    def takes_list(self) -> bool:
        """Whether the constructor takes the channels of its maps as one list."""
        return self.inputs in ("n", "maps")

    @property
    def takes_repeats(self) -> bool:
        """Whether the constructor handles the row's repeats itself."""
        return "repeats" in inspect.signature(self.cls).parameters

    @property
    def stackable(self) -> bool:
        """Whether repeats are built as a sequence of equal blocks."""
        single = self.inputs == 1 and self.out == "same" and not self.gives_maps
        return single and self.kind != "upsample" and not self.takes_repeats

    @property
    def signature(self) -> str:
        """The accepted row, for messages: ``[high, low] -> FINE(stride: int = 1, ...)``."""
        names = self.input_names
        source = "[x0, x1, ...]" if names is None else names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        shown = ["c2: int"] if self.out == "arg" else []
        for parameter in self.parameters:
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            shown.append(f"{parameter.name}: {type_name(parameter.annotation)}{default}")
        return f"{source} -> {self.name}({', '.join(shown)})" + " -> maps" * self.gives_maps

    def check_inputs(self, count: int) -> None:
        """Raise :class:`BlockArgumentError` unless the block takes ``count`` inputs."""
        names = self.input_names
        if names is None:
            if count < 2:
                raise BlockArgumentError(f"{self.name} takes two inputs or more, 'from' gives {count}")
        elif count != len(names):
            listed = "" if self.reads_one_row else f" ({', '.join(names)})"
            raise BlockArgumentError(
                f"{self.name} takes {len(names)} input{'s' * (len(names) > 1)}{listed}, 'from' gives {count}"
            )

    def bind(self, args: Sequence[Any]) -> dict[str, Any]:
        """Turn a row's arguments (behind ``c2`` for ``out="arg"``) into keyword arguments of the constructor.

        Args:
            args: Positional values as YAML gives them; the last one may be a mapping of keyword arguments.

        Raises:
            BlockArgumentError: Wrong number, name, type or value.
        """
        return bind_arguments(self.name, self.parameters, args)

    def attention_values(self, cells: int, kwargs: Mapping[str, Any]) -> float:
        """Values of a head's attention on a map of so many cells; 0 for a block whose cost grows as its cells do.

        Args:
            cells: Height times width of the map at the block's place.
            kwargs: Arguments as :meth:`bind` returns them; the others have their defaults.
        """
        if self.quadratic is None:
            return 0.0
        divisor = self.quadratic({one.name: one.default for one in self.parameters} | dict(kwargs))
        return cells**2 / divisor if divisor else 0.0

    def output_channels(
        self, channels: Sequence[int], scaled_c2: int | None = None, kwargs: Mapping[str, Any] | None = None
    ) -> int:
        """Channels of the output, or of the first of several.

        Args:
            channels: Those of the inputs.
            scaled_c2: The width-scaled first argument for ``"arg"``.
            kwargs: The row's arguments, for ``"picked"``.

        Raises:
            BlockArgumentError: The row lacks its channels, or there is no map of that index.
        """
        if self.out == "arg":
            if scaled_c2 is None:
                raise BlockArgumentError(f"{self.name} needs its output channels as first argument")
            return scaled_c2
        if self.out == "sum":
            return sum(channels)
        if self.out == "picked":
            index: int = self._arguments(kwargs or {})["index"]
            if index >= len(channels):
                accepted = f"0 to {len(channels) - 1}: the layer puts out {len(channels)} maps"
                raise BlockArgumentError(f"{self.name} argument 'index' must be {accepted}, got {index}")
            return channels[index]
        if self.out in ("same", "first", "each"):
            return channels[0]
        if self.out == "last":
            return channels[-1]
        return channels[typing.cast("tuple[str, ...]", self.input_names).index(self.out)]

    def output_list(self, channels: Sequence[int], c2: int, kwargs: Mapping[str, Any]) -> list[int]:
        """Channels of every output of a block that puts out several.

        Args:
            channels: Those of the inputs.
            c2: Those of the first output.
            kwargs: The row's arguments.
        """
        if self.out == "each":
            return list(channels)
        count = self.outputs(len(channels), self._arguments(kwargs)) if callable(self.outputs) else self.outputs
        return [c2] * (len(channels) if count == "n" else int(count))

    def _arguments(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The row's arguments with the defaults of those it leaves out."""
        return {parameter.name: parameter.default for parameter in self.parameters} | dict(kwargs)

    def build(self, channels: Sequence[int], c2: int, kwargs: dict[str, Any]) -> Any:
        """Construct the module for inputs of the given channels and ``c2`` output channels."""
        leading: tuple[Any, ...] = (list(channels),) if self.takes_list else tuple(channels)
        return self.cls(*leading, *([c2] if self.out == "arg" else []), **kwargs)
