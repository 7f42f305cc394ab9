# SPDX-License-Identifier: AGPL-3.0-or-later
"""A block under test: what its class states about it, and how it is built, randomised, fed and compared."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from tests.extent import ALL
from yolo_fine.block_spec import BlockSpec
from yolo_fine.catalog import get_block

Maps = list[Tensor]


class BlockUnderTest:
    """What the parts of the contract share. Set the attributes; override where a block is not one map in, one out."""

    block: ClassVar[type[nn.Module]]
    channels: ClassVar[tuple[int, ...]]  # of the inputs, in order
    arguments: ClassVar[dict[str, Any]] = {}  # of the block under test, beside the channels
    identity: ClassVar[bool] = True  # whether it promises to start as if it were not there
    published: ClassVar[dict[str, Any] | None] = None  # arguments of the paper's form, which is no identity
    parameters: ClassVar[list[tuple[tuple[int, ...], dict[str, Any], int]]] = []  # channels, arguments, count
    wrong: ClassVar[list[tuple[tuple[int, ...], dict[str, Any], str]]] = []  # channels, arguments, what is named
    golden: ClassVar[str | None] = None  # prefix of its golden files; None where no authors' code exists
    without_gradient: ClassVar[frozenset[str]] = frozenset()  # names whose gradient is zero by construction
    factor: ClassVar[int] = 1  # how many times larger the output is than `sizes` says: of upsamplers
    half_tolerance: ClassVar[float] = 0.05  # of the largest output, under float16 and bfloat16 autocast

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes of the inputs that give an output of ``factor`` times height x width."""
        return [(height, width)] * len(self.channels)

    def untouched(self, x: Maps) -> Tensor:
        """What an identity returns for these inputs."""
        return x[0]

    @property
    def spec(self) -> BlockSpec:
        return get_block(type(self).block.__name__)

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return type(self).block(*self.channels, **{**self.arguments, **arguments})

    def random(self, **arguments: Any) -> nn.Module:
        """The block with nothing at its initial value."""
        module = self.build(**arguments)
        with torch.no_grad():
            for name, tensor in module.state_dict().items():
                if name.endswith("running_var"):
                    tensor.uniform_(0.5, 1.5)
                elif name.endswith("running_mean"):
                    tensor.normal_(0, 0.2)
                elif tensor.is_floating_point():
                    tensor.add_(torch.randn_like(tensor) * (0.5 if tensor.ndim == 1 else 0.1))
        return module.eval()

    def maps(self, height: int = 16, width: int = 24, batch: int = 2, seed: int = 1) -> Maps:
        generator = torch.Generator().manual_seed(seed)
        shapes = [(batch, c, *size) for c, size in zip(self.channels, self.sizes(height, width), strict=True)]
        return [torch.randn(shape, generator=generator) for shape in shapes]

    def run(self, module: nn.Module, x: Maps) -> Tensor:
        return module(x[0] if self.spec.inputs == 1 else x)

    def is_first_form(self) -> bool:
        """Whether this class is no further form of a block that another class tests."""
        return not any(getattr(base, "block", None) is self.block for base in type(self).__mro__[1:])

    def first_form_only(self) -> None:
        """Skip in the classes that test other forms of a block: what they share has been tested, and time is short."""
        if not self.is_first_form() and not ALL:
            pytest.skip("tested for the first form of the block")

    @staticmethod
    @torch.no_grad()
    def assert_near(y: Tensor, expected: Tensor, tolerance: float) -> None:
        """The largest difference is below ``tolerance`` of the largest value."""
        assert y.shape == expected.shape
        error = float((y.float() - expected).abs().max() / expected.abs().max())
        assert error < tolerance, f"relative error {error:.1e}"
