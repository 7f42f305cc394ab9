# SPDX-License-Identifier: AGPL-3.0-or-later
"""The contract of blocks. A block's test inherits it and states what the block declares; every test below then holds.

Numerical tests run on randomised weights: at its initial values a block is an identity, and everything would pass.
"""

from __future__ import annotations

import copy
import io
import pickle
import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.block_under_test import Maps
from tests.contract_graphs import GraphContract
from yolo_fine.errors import BlockArgumentError
from yolo_fine.utils.arguments import matches

__all__ = ["BlockContract", "Maps"]


class BlockContract(GraphContract):
    """Inherit, name the class ``Test...`` and set the attributes."""

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize(
        ("height", "width", "batch"),
        [(16, 24, 1), (16, 24, 2), (13, 9, 1), (7, 15, 2), (1, 1, 2), (1, 8, 1), (9, 1, 1), (3, 6, 1)],
    )
    def test_output_is_as_declared(self, height: int, width: int, batch: int, training: bool) -> None:
        y = self.run(self.random().train(training), self.maps(height, width, batch))
        size = (self.factor * height, self.factor * width)
        assert y.shape == (batch, self.spec.output_channels(self.channels, self.arguments.get("c2")), *size)
        assert y.isfinite().all()

    def test_single_cell_of_one_image(self) -> None:
        assert self.run(self.random(), self.maps(1, 1, 1)).shape[2:] == (self.factor, self.factor)

    @pytest.mark.parametrize("training", [False, True])
    def test_identity_at_init(self, training: bool) -> None:
        if not self.identity:
            pytest.skip("promises no identity")
        x = self.maps()
        assert torch.equal(self.run(self.build().train(training), x), self.untouched(x))

    def test_published_form_changes_the_output(self) -> None:
        if self.published is None:
            pytest.skip("the default is the published form")
        x = self.maps()
        y, same = self.run(self.build(**self.published).eval(), x), self.untouched(x)
        assert (y - same).abs().mean() > 0.05 * same.abs().mean()

    def test_every_parameter_learns_by_the_second_step(self) -> None:
        module = self.build().train()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for step in range(2):
            optimizer.zero_grad()
            y = self.run(module, self.maps(batch=1, seed=step))
            (y * torch.randn_like(y)).sum().backward()
            missing = [name for name, parameter in module.named_parameters() if parameter.grad is None]
            assert not missing, f"no gradient: {missing}"
            optimizer.step()
        dead = {name for name, parameter in module.named_parameters() if not parameter.grad.abs().sum() > 0}
        assert dead <= self.without_gradient

    def test_parameter_names_and_shapes_suit_the_optimizer(self) -> None:
        # Ultralytics decides weight decay by "bias" in the name, and newer optimizers by the number of axes.
        for name, parameter in self.build().named_parameters():
            assert ("bias" in name) == name.endswith(".bias"), name
            if "gain" in name:
                assert parameter.ndim == 1, name

    def test_deterministic_in_eval(self) -> None:
        module, x = self.random(), self.maps()
        first = self.run(module, x)
        assert torch.equal(first, self.run(module, x))
        alone = self.run(module, [tensor[:1] for tensor in x])
        torch.testing.assert_close(alone, first[:1], rtol=1e-4, atol=1e-5)

    def test_inputs_are_not_written_to(self) -> None:
        module, x = self.random(), self.maps()
        before = [tensor.clone() for tensor in x]
        with torch.no_grad():
            self.run(module, x)
        assert all(torch.equal(a, b) for a, b in zip(x, before, strict=True))

    def test_without_gradients_the_same(self) -> None:
        module, x = self.random(), self.maps()
        expected = self.run(module, x)
        with torch.no_grad():
            torch.testing.assert_close(self.run(module, x), expected)
        with torch.inference_mode():
            torch.testing.assert_close(self.run(module, x), expected)
        self.run(module.train(), x).sum().backward()  # nothing kept from inference mode gets in the way

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_autocast(self, dtype: torch.dtype) -> None:
        module, x = self.random(), self.maps()
        with torch.autocast("cpu", dtype=dtype):
            y = self.run(module, x)
        self.assert_near(y, self.run(module, x), self.half_tolerance)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_weights(self, dtype: torch.dtype) -> None:
        module, x = self.random(), self.maps()
        y = self.run(copy.deepcopy(module).to(dtype), [tensor.to(dtype) for tensor in x])
        assert y.dtype == dtype
        self.assert_near(y, self.run(module, x), self.half_tolerance)

    @pytest.mark.parametrize("training", [False, True])
    def test_channels_last(self, training: bool) -> None:
        module, x = self.random().train(training), self.maps()
        expected = self.run(copy.deepcopy(module), x)
        last = [tensor.contiguous(memory_format=torch.channels_last) for tensor in x]
        y = self.run(module.to(memory_format=torch.channels_last), last)
        torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)

    def test_deepcopy_pickle_and_state_dict(self) -> None:
        module, x = self.random(), self.maps()
        expected = self.run(module, x)
        stored = io.BytesIO()
        torch.save(module, stored)
        stored.seek(0)
        fresh = self.build().eval()
        fresh.load_state_dict(module.state_dict())
        for twin in (
            copy.deepcopy(module),
            pickle.loads(pickle.dumps(module)),
            torch.load(stored, weights_only=False),
            fresh,
        ):
            assert torch.equal(self.run(twin, x), expected)
        assert set(module.state_dict()) == {
            name for name, _ in (*module.named_parameters(), *module.named_buffers())
        }, "a call left something in the state"

    def test_cost(self) -> None:
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            self.run(self.random(), self.maps())
        assert counter.get_total_flops() > 0
        for channels, arguments, count in self.parameters:
            module = type(self).block(*channels, **arguments)
            assert sum(parameter.numel() for parameter in module.parameters()) == count, (channels, arguments)

    def test_parity_with_the_authors_code(self) -> None:
        from tests.blocks.golden import golden_names

        if self.golden is None:
            assert self.spec.origin != "paper", "a block from a paper needs golden files"
            pytest.skip("no authors' code exists")
        files = [name for name in golden_names() if name.startswith(self.golden)]
        assert files, "no golden file"  # test_golden.py compares them all

    def test_wrong_arguments_are_named(self) -> None:
        assert self.wrong
        for channels, arguments, named in self.wrong:
            with pytest.raises(BlockArgumentError, match=re.escape(named)) as caught:
                type(self).block(*channels, **arguments)
            assert type(self).block.__name__ in str(caught.value)
            assert all(repr(value) in str(caught.value) for value in arguments.values())

    def test_defaults_are_accepted_and_every_argument_is_described(self) -> None:
        text = type(self).block.__doc__ or ""
        for parameter in self.spec.parameters:
            assert matches(parameter.default, parameter.annotation), parameter
            assert f"{parameter.name}:" in text, f"the docstring does not describe '{parameter.name}'"
