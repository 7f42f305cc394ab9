# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a block declares about itself, and how it is found by name.

A block is a plain ``nn.Module`` plus one declaration that says how a model-YAML row becomes it::

    @block(inputs=("high", "low"), out="low", kind="fuse")
    class FINE(nn.Module):
        def __init__(self, c_high: int, c_low: int, stride: int = 1, heads: int | None = None): ...

The input channels come first in the constructor and are injected (a YAML never states them); what follows are the
row's arguments, whose types and defaults are read off the annotations; constraints in them (see
:mod:`yolo_fine.utils.constraints`) hold for calls in Python too. This file knows neither torch nor Ultralytics.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yolo_fine.errors import BlockArgumentError, BlockRegistrationError
from yolo_fine.utils.arguments import allows, bind_arguments, refusal, type_name

KINDS = ("fuse", "upsample", "downsample", "refine", "context", "conv", "pick")
ORIGINS = ("paper", "reconstruction", "adaptation")
T = typing.TypeVar("T")

registered: dict[str, BlockSpec] = {}
_name_checks: list[Callable[[str], str | None]] = []


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


def block(
    *,
    inputs: int | str | Sequence[str],
    out: str,
    kind: str,
    paper: str = "",
    origin: str = "paper",
    name: str | None = None,
    strides: Sequence[float] = (),
    arguments_at: Callable[[int], list[Any]] | None = None,
    aliases: Sequence[str] = (),
    quadratic: Callable[[Mapping[str, Any]], float] | None = None,
    outputs: int | str | Callable[[int, Mapping[str, Any]], int] = 1,
) -> Callable[[type[T]], type[T]]:
    """Declare an ``nn.Module`` as a block that model YAMLs may name.

    Args:
        inputs: ``1``, ``"n"``, ``"maps"``, or the names of the inputs in the order of the row's ``from`` (deeper map
            first, as at Ultralytics' Concat): see :class:`BlockSpec`.
        out: ``"same"``, ``"first"``, ``"last"``, ``"sum"``, ``"arg"``, ``"each"``, ``"picked"`` or an input's name.
        kind: One of ``fuse``, ``upsample``, ``downsample``, ``refine``, ``context``, ``conv``, ``pick``.
        paper: Link to the paper.
        origin: ``paper``, ``reconstruction`` (no code was published) or ``adaptation``.
        name: The name in YAML; default is the class name.
        strides: Stride of each named input relative to the block's place, as ``(2, 1)`` for a map of half the size and
            one of full size; default: all inputs have one size. For a block with several outputs: of the maps of an
            example.
        arguments_at: From a place (levels below the coarsest lateral map) to the row's arguments there.
        aliases: Names by which forks and papers call the block, for hints.
        quadratic: For a block that attends from cells to cells, as ``lambda arguments: arguments["sr"] ** 2`` where
            each of the H·W cells attends to H·W/sr² others: see :class:`BlockSpec`. ``lint`` warns on large maps.
        outputs: How many maps it puts out; more than one are taken by rows of ``Pick``: see :class:`BlockSpec`.

    Raises:
        BlockRegistrationError: The declaration is inconsistent, or the name is taken or resolved by Ultralytics.
    """
    declared: int | str | tuple[str, ...] = inputs if isinstance(inputs, (int, str)) else tuple(inputs)

    def register(cls: type[T]) -> type[T]:
        about = (out, kind, paper, origin, tuple(strides), arguments_at, tuple(aliases), quadratic, outputs)
        _add(BlockSpec(name or cls.__name__, cls, declared, *about))
        _check_calls(cls)
        return cls

    return register


def refuse_names(check: Callable[[str], str | None]) -> None:
    """Let ``check`` veto block names: it returns the reason why a name can't be used, or None."""
    _name_checks.append(check)


def why_refused(name: str) -> str | None:
    """The reason why ``name`` can't be a block's name, or None."""
    return next((reason for check in _name_checks if (reason := check(name))), None)


def _check_calls(cls: type[Any]) -> None:
    """Let the constructor refuse values that its annotations exclude, whoever calls it."""
    construct = cls.__init__
    if hasattr(construct, "checked"):  # declared again, or inherited from a block
        return

    @functools.cache  # names may be there only after the class's module has been run
    def annotations() -> dict[str, Any]:
        with contextlib.suppress(NameError):  # of a name that is for type checkers only
            hints = typing.get_type_hints(construct, include_extras=True)
            return {name: hints.get(name, Any) for name in inspect.signature(construct).parameters}
        return {}

    @functools.wraps(construct)
    def checking(self: Any, *args: Any, **kwargs: Any) -> None:
        known = annotations()
        for name, value in (*zip(known, (self, *args), strict=False), *kwargs.items()):
            if not allows(value, known.get(name, Any)):
                raise refusal(f"{type(self).__name__} argument '{name}'", value, known[name])
        construct(self, *args, **kwargs)

    checking.checked = True  # type: ignore[attr-defined]
    cls.__init__ = checking


def _add(spec: BlockSpec) -> None:
    where = f"{spec.cls.__module__}.{spec.cls.__qualname__}"
    if not spec.name.isidentifier():
        raise BlockRegistrationError(f"block name '{spec.name}' of {where} is not a plain identifier")
    if spec.kind not in KINDS:
        raise BlockRegistrationError(f"{where}: kind '{spec.kind}' is none of {', '.join(KINDS)}")
    if spec.origin not in ORIGINS:
        raise BlockRegistrationError(f"{where}: origin '{spec.origin}' is none of {', '.join(ORIGINS)}")
    if not (spec.inputs in (1, "n", "maps") or (isinstance(spec.inputs, tuple) and len(spec.inputs) > 1)):
        words = "1, 'n', 'maps' or a list of input names"
        raise BlockRegistrationError(f"{where}: inputs must be {words}, not {spec.inputs!r}")
    several = ("first", "last", "sum", "arg")
    accepted = ("same", "arg") if spec.inputs == 1 else (*several, *(spec.input_names or ()))
    if spec.inputs == "maps":
        accepted = (*several, "picked")
    if spec.outputs == "n" and not spec.reads_one_row:
        accepted = (*accepted, "each")
    if spec.out not in accepted:
        raise BlockRegistrationError(f"{where}: out '{spec.out}' is none of {', '.join(accepted)}")
    if not (callable(spec.outputs) or spec.outputs == "n" or (type(spec.outputs) is int and spec.outputs > 0)):
        raise BlockRegistrationError(f"{where}: outputs must be a number, 'n' or a function, not {spec.outputs!r}")
    if spec.out == "picked" and "index" not in {parameter.name for parameter in spec.parameters}:
        raise BlockRegistrationError(f"{where}: a block with out 'picked' has an argument 'index'")
    fits = spec.gives_maps if spec.input_names is None else len(spec.strides) == len(spec.input_names)
    if spec.strides and not fits:
        raise BlockRegistrationError(f"{where}: strides {spec.strides} do not fit inputs {spec.inputs!r}")
    if reason := why_refused(spec.name):
        raise BlockRegistrationError(f"block name '{spec.name}' of {where} is refused: {reason}")
    other = registered.get(spec.name)
    if other is not None and (other.cls.__module__, other.cls.__qualname__) != (
        spec.cls.__module__,
        spec.cls.__qualname__,
    ):
        raise BlockRegistrationError(
            f"block name '{spec.name}' is declared twice: by {other.cls.__module__}.{other.cls.__qualname__} "
            f"and by {where}; give one of them another name with @block(name=...)"
        )
    registered[spec.name] = spec
