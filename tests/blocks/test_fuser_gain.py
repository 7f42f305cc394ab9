# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fusers whose published form is no identity start as one with a gain of 0, and learn all the same."""

from __future__ import annotations

import pytest
import torch

from yolo_fine.blocks import AFA, AFF, SDA, iAFF
from yolo_fine.errors import BlockArgumentError

CASES = [(AFF, (24, 16), 1), (iAFF, (24, 16), 1), (AFA, (24, 16), 1), (SDA, ([16, 24, 16],), 0)]


@pytest.mark.parametrize(("cls", "channels", "kept"), CASES)
def test_a_gain_of_0_is_the_identity_and_learns(cls, channels, kept):
    torch.manual_seed(0)
    block = cls(*channels, gain=0.0).train()
    widths = channels[0] if cls is SDA else channels
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    for step in range(2):
        x = [torch.randn(2, width, 7, 9) for width in widths]
        y = block(x)
        if step == 0:
            assert torch.equal(y, x[kept])
        optimizer.zero_grad()
        (y * torch.randn_like(y)).sum().backward()
        optimizer.step()
    weights = {name: parameter.grad for name, parameter in block.named_parameters() if not name.endswith("bias")}
    assert all(gradient.abs().sum() > 0 for gradient in weights.values())  # a batch norm takes biases away


@pytest.mark.parametrize(("cls", "channels", "kept"), CASES)
def test_a_gain_of_1_is_the_published_form(cls, channels, kept):
    torch.manual_seed(0)
    published, block = cls(*channels).eval(), cls(*channels, gain=1.0).eval()
    block.load_state_dict(published.state_dict(), strict=False)
    x = [torch.randn(2, width, 7, 9) for width in (channels[0] if cls is SDA else channels)]
    torch.testing.assert_close(block(x), published(x))
    with pytest.raises(BlockArgumentError, match=f"{cls.__name__} argument 'gain'.*'x'"):
        cls(*channels, gain="x")
