# SPDX-License-Identifier: AGPL-3.0-or-later
"""Arguments of public functions are checked and converted before anything happens."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import StrPath


@public
def scale(image: StrPath, *, factor: float = 1.0, mode: Literal["nearest", "linear"] = "linear", clip: bool = False):
    """A function with arguments of several kinds."""
    return image, factor, mode, clip


def test_what_fits_arrives_as_it_is():
    assert scale(Path("a.jpg"), factor=2, clip=True) == (Path("a.jpg"), 2, "linear", True)
    assert scale("a.jpg", mode="nearest") == ("a.jpg", 1.0, "nearest", False)
    assert scale(image="a.jpg", factor="1e-3", clip="True") == ("a.jpg", 0.001, "linear", True)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "image must be given, as image=..."),
        (("a", 2.0), {}, "takes image by position, got 2.0 too; name it, as key=value"),
        (("a",), {"image": "b"}, "argument 'image' is given twice: 'a' and 'b'"),
        (("a",), {"facto": 2}, "unknown argument 'facto'; did you mean factor?; it has image, factor, mode, clip"),
        (("a",), {"factor": "much"}, "argument 'factor' must be float, got 'much'"),
        (("a",), {"factor": True}, "argument 'factor' must be float, got True"),
        (("a",), {"mode": "linea"}, "argument 'mode' must be 'nearest' or 'linear', got 'linea'; did you mean linear?"),
        (("a",), {"clip": 1}, "argument 'clip' must be bool, got 1"),
        ((3,), {}, "argument 'image' must be"),
    ],
)
def test_what_does_not_fit_is_one_message(args, kwargs, message):
    with pytest.raises(ArgumentError) as caught:
        scale(*args, **kwargs)
    assert message in str(caught.value)


def test_arguments_that_the_function_does_not_name_are_handed_on():
    @public
    def export(model: str, **options: object):
        return model, options

    assert export("a.pt", half=True) == ("a.pt", {"half": True})


def test_the_documentation_stays():
    assert scale.__name__ == "scale"
    assert scale.__doc__ == "A function with arguments of several kinds."
