# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a block is declared, and found by name.

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
from typing import Any

from yolo_fine.block_spec import KINDS, ORIGINS, BlockSpec
from yolo_fine.errors import BlockRegistrationError
from yolo_fine.utils.arguments import allows, refusal

T = typing.TypeVar("T")

registered: dict[str, BlockSpec] = {}
_name_checks: list[Callable[[str], str | None]] = []


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
