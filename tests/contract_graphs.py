# SPDX-License-Identifier: AGPL-3.0-or-later
"""The contract of blocks, second part: what is recorded of a block is the block, compiled, exported and fused."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.utils.torch_utils import fuse_conv_and_bn

from tests.block_under_test import BlockUnderTest
from tests.extent import ALL, TRACED_BACKWARDS


class GraphContract(BlockUnderTest):
    """The tests of a block's graphs."""

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

    @pytest.mark.slow
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

    @pytest.mark.slow
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
