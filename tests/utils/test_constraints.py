# SPDX-License-Identifier: AGPL-3.0-or-later
"""Constraints of arguments: what is accepted, in YAML rows and in Python, and the words of what is refused."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Annotated, Literal

import pytest

from yolo_fine import block
from yolo_fine.blocks import EMA, SE
from yolo_fine.errors import BlockArgumentError
from yolo_fine.registry import registered
from yolo_fine.utils import constraints
from yolo_fine.utils.arguments import convert, matches
from yolo_fine.utils.constraints import Constraint, Gain, Reduction, Scale

BEYOND_FLOAT = 10**400
CASES = {
    "Positive": ([1, 64], [0, -1, True, 2.0, "2", None]),
    "Reduction": ([1, 64], [0, -1, True, 2.0, "2", None]),
    "Odd": ([3, 5], [1, 4, -3, True, 3.0, "3"]),
    "OddFrom1": ([1, 3], [0, 2, -1, True]),
    "MultipleOf2": ([2, 64], [3, True]),
    "MultipleOf4": ([4, 64], [6]),
    "MultipleOf8": ([8, 64], [12]),
    "Rates": ([(1, 2), (3,)], [(), (0,), 3, "12", (1.0,), (True,)]),
    "Odds": ([(3, 5), (7,)], [(), (3, 4), (1, 3), 3, (3.0,), (True,)]),
    "Number": ([0, -1.5], [True, math.nan, math.inf, "1", None, BEYOND_FLOAT]),
    "PositiveNumber": ([1, 0.5], [0, -1.0, True, math.nan, math.inf, "1", BEYOND_FLOAT]),
    "NotNegative": ([0, 0.5, 11], [-0.1, True, math.nan, math.inf, "0", BEYOND_FLOAT]),
    "NotNegativeInteger": ([0, 4], [-1, True, 2.0, "0"]),
    "Share": ([1, 0.5], [0, 1.5, True, math.nan]),
    "Scale": ([2, 3], [1, 2.0, True]),
    "Gain": ([0, 0.5, -1], [True, "0", math.nan, math.inf, None]),
}


def test_every_constraint_is_tried():
    assert set(CASES) == {name for name in vars(constraints) if name[0].isupper()} - {
        "Any",
        "Annotated",
        "Callable",
        "Constraint",
    }


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    kind = getattr(constraints, name)
    accepted, refused = CASES[name]
    assert all(matches(value, kind) for value in accepted)
    assert not any(matches(value, kind) for value in refused)
    assert all(matches(value, kind | None) for value in (*accepted, None))
    (constraint,) = kind.__metadata__
    for value in refused:
        if not isinstance(value, str):  # which may be read as a number
            with pytest.raises(BlockArgumentError) as caught:
                convert("Block argument 'key'", value, kind)
            assert str(caught.value) == f"Block argument 'key' must be {constraint.accepted}, got {value!r}"


def test_words_of_what_is_accepted_besides_none():
    with pytest.raises(BlockArgumentError, match="must be a number or None, got 'x'"):
        convert("Block argument 'gain'", "x", Gain | None)


@block(inputs=1, out="same", kind="refine")
class Constrained:
    """A class that stands in for a module of a third party."""

    def __init__(
        self,
        c1: Annotated[int, Constraint("a multiple of 3", lambda value: value % 3 == 0)],
        size: Annotated[int, Constraint("below 9", lambda value: value < 9)] = 3,
        mode: Literal["a", "b"] = "a",
        rates: constraints.Rates = (1, 2),
        loose: int = 1,
    ) -> None:
        self.given = (c1, size, mode, rates, loose)


@pytest.fixture(autouse=True, scope="module")
def _forget():
    yield
    del registered["Constrained"]


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((4,), {}, "Constrained argument 'c1' must be a multiple of 3, got 4"),
        ((3, 9), {}, "Constrained argument 'size' must be below 9, got 9"),
        ((3,), {"size": "3"}, "Constrained argument 'size' must be below 9, got '3'"),
        ((3,), {"mode": "c"}, "Constrained argument 'mode' must be 'a' or 'b', got 'c'"),
        ((3, 3, "a", [0]), {}, r"Constrained argument 'rates' must be a list of positive integers, got \[0\]"),
    ],
)
def test_a_call_in_python_is_checked(args, kwargs, said):
    with pytest.raises(BlockArgumentError, match=said):
        Constrained(*args, **kwargs)


def test_what_fits_is_handed_on_as_it_is():
    rates = [1, 3]
    assert Constrained(3, 4, "b", rates).given == (3, 4, "b", rates, 1)
    assert Constrained(3, loose="whatever").given[4] == "whatever"  # a plain type is a hint, as everywhere in Python
    with pytest.raises(TypeError, match="unexpected keyword"):
        Constrained(3, sise=4)


def test_a_row_shows_types_and_is_refused_in_the_constraints_words():
    spec = registered["Constrained"]
    assert spec.signature == (
        "x -> Constrained(size: int = 3, mode: 'a' or 'b' = 'a', rates: tuple[int, ...] = (1, 2), loose: int = 1)"
    )
    assert spec.bind(["4", {"rates": [2]}]) == {"size": 4, "rates": (2,)}
    with pytest.raises(BlockArgumentError, match="Constrained argument 'size' must be below 9, got '10'"):
        spec.bind(["10"])


def test_a_subclass_is_named_and_a_second_declaration_checks_once():
    class Narrow(Constrained):
        """As a user derives one block from another."""

    with pytest.raises(BlockArgumentError, match="Narrow argument 'size'"):
        Narrow(3, 9)
    before = Constrained.__init__
    block(inputs=1, out="same", kind="refine")(Constrained)
    assert Constrained.__init__ is before


def test_a_block_is_copied_and_pickled_by_its_class_alone():
    assert EMA.__init__.__qualname__ == "EMA.__init__"
    for twin in (copy.deepcopy(EMA(32)), pickle.loads(pickle.dumps(EMA(32)))):
        assert type(twin) is EMA
    assert b"checks" not in pickle.dumps(EMA(32))


def test_annotations_are_read_once(monkeypatch):
    """Reading them is what takes time; what is left of a check are comparisons."""
    SE(8)
    monkeypatch.setattr("typing.get_type_hints", lambda *_, **__: pytest.fail("read again"))
    assert SE(8, 4, gain=0.0)
    with pytest.raises(BlockArgumentError):
        SE(8, 0)


def test_values_that_were_hardly_meant_say_so():
    for kind, value, said in (
        (Reduction, 64, "leaves 1 of 64 channels"),
        (Reduction, 33, "leaves 1 of 64 channels"),
        (Reduction, 32, None),
        (Gain, 1.0, None),
        (Gain, 1.5, "is above 1 (1 is the published block)"),
        (Scale, 16, "is beyond 8"),
    ):
        (constraint,) = kind.__metadata__
        assert constraint.doubt(value, 64) == said
