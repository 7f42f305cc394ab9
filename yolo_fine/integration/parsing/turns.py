# SPDX-License-Identifier: AGPL-3.0-or-later
"""One thread at a time parses a model: Ultralytics' default activation and its logger's filters are shared by all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.RLock()


@contextmanager
def activation_kept() -> Iterator[None]:
    """A turn that leaves Ultralytics' process-wide default activation as it was."""
    from ultralytics.nn.modules import Conv

    with _turn:
        before = Conv.default_act
        try:
            yield
        finally:
            Conv.default_act = before
