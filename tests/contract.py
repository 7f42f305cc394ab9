# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every block promises, as tests to inherit.

A block's test class states the block, its channels and what it promises, and inherits the rest::

    class TestMyBlock(BlockContract):
        block = MyBlock
        channels = (32,)
        published = {"gain": None}
        parameters = [((128,), {}, 2752)]
        wrong = [((32,), {"factor": 5}, "factor")]

Numerical tests run on randomised weights: at its initial values a block is an identity, and everything would pass.
"""

from __future__ import annotations

import copy
import io
import pickle
import re
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from ultralytics.nn.modules import Conv
from ultralytics.utils.torch_utils import fuse_conv_and_bn

from tests.extent import ALL, TRACED_BACKWARDS
from yolo_fine.catalog import get_block
from yolo_fine.errors import BlockArgumentError
from yolo_fine.registry import BlockSpec

Maps = list[Tensor]


class BlockContract:
    """Inherit, name the class ``Test...`` and set the attributes."""

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

    # What a subclass overrides where a block is not "one map in, the same map out".

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes of the inputs that give an output of ``factor`` times height x width."""
        return [(height, width)] * len(self.channels)

    def untouched(self, x: Maps) -> Tensor:
        """What an identity returns for these inputs."""
        return x[0]

    # Helpers.

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

    # The contract.

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize(
        ("height", "width", "batch"),
        [(16, 24, 1), (16, 24, 2), (13, 9, 1), (7, 15, 2), (1, 1, 2), (1, 8, 1), (9, 1, 1), (3, 6, 1)],
    )
    def test_output_is_as_declared(self, height: int, width: int, batch: int, training: bool) -> None:
        y = self.run(self.random().train(training), self.maps(height, width, batch))
        size = (self.factor * height, self.factor * width)
        assert y.shape == (batch, self.spec.output_channels(self.channels), *size)
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

    def test_fuse_changes_nothing(self) -> None:
        module, x = self.random(), self.maps()
        expected = self.run(module, x)
        for layer in module.modules():
            if isinstance(layer, Conv):
                layer.conv = fuse_conv_and_bn(layer.conv, layer.bn)
                del layer.bn
                layer.forward = layer.forward_fuse
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules()), "a norm is not reached"
        self.assert_near(self.run(module, x), expected, 1e-5)

    @pytest.mark.parametrize("training", [False, True])
    def test_compiles_without_graph_breaks(self, training: bool) -> None:
        backend = "eager"
        if training:
            self.first_form_only()
            if ALL or self.spec.name in TRACED_BACKWARDS:
                backend = "aot_eager"
        elif self.is_first_form() and not ALL:
            pytest.skip("compiled for all sizes, which forbids graph breaks too")
        torch._dynamo.reset()
        module = self.random().train(training)
        compiled = torch.compile(copy.deepcopy(module), fullgraph=True, backend=backend, dynamic=False)
        x = self.maps(13, 9)
        torch.testing.assert_close(self.run(compiled, x), self.run(module, x), rtol=1e-4, atol=1e-4)

    def is_first_form(self) -> bool:
        """Whether this class is no further form of a block that another class tests."""
        return not any(getattr(base, "block", None) is self.block for base in type(self).__mro__[1:])

    def first_form_only(self) -> None:
        """Skip in the classes that test other forms of a block: what they share has been tested, and time is short."""
        if not self.is_first_form() and not ALL:
            pytest.skip("tested for the first form of the block")

    def test_compiles_for_all_sizes(self) -> None:
        self.first_form_only()
        torch._dynamo.reset()
        module = self.random()
        compiled = torch.compile(module, fullgraph=True, backend="eager", dynamic=True)
        # Sizes that are no number of channels: those would be taken for one, and the second call compiled again.
        # Keeping results of symbolic shapes takes longer than finding them anew.
        with torch._dynamo.config.patch(fake_tensor_cache_enabled=False):
            for x in (self.maps(26, 18, batch=3), self.maps(30, 22, batch=5)):
                torch.testing.assert_close(self.run(compiled, x), self.run(module, x), rtol=1e-4, atol=1e-4)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize(("dynamic", "opset"), [(False, 17), (True, 18), *([(True, 17)] if ALL else [])])
    def test_onnx(self, dynamic: bool, opset: int) -> None:
        onnxruntime = pytest.importorskip("onnxruntime")
        if opset == 17:
            self.first_form_only()
        module, x = self.random(), self.maps(batch=1)
        names = [f"x{i}" for i in range(len(x))]
        axes = {name: {0: "batch", 2: f"h{name}", 3: f"w{name}"} for name in (*names, "y")} if dynamic else None
        buffer = io.BytesIO()
        arguments = (x[0] if self.spec.inputs == 1 else x,)
        with torch.no_grad():
            torch.onnx.export(
                module,
                arguments,
                buffer,
                input_names=names,
                output_names=["y"],
                dynamic_axes=axes,
                opset_version=opset,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
        second = [self.maps(32, 16, batch=3), self.maps(22, 26, batch=1), self.maps(19, 33, batch=2)] if dynamic else []
        for maps in (x, *second):
            (y,) = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, maps, strict=True)})
            self.assert_near(torch.from_numpy(y), self.run(module, maps), 1e-4)

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

    def test_documented(self) -> None:
        text = type(self).block.__doc__ or ""
        for word in ("Args:", "Shapes:", "Cost:", "At init:", "Raises:"):
            assert word in text, f"the docstring has no '{word}'"
        assert all(f"{parameter.name}:" in text for parameter in self.spec.parameters)

    @staticmethod
    @torch.no_grad()
    def assert_near(y: Tensor, expected: Tensor, tolerance: float) -> None:
        """The largest difference is below ``tolerance`` of the largest value."""
        assert y.shape == expected.shape
        error = float((y.float() - expected).abs().max() / expected.abs().max())
        assert error < tolerance, f"relative error {error:.1e}"
