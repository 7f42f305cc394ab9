# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training that is killed while it writes ``last.pt`` keeps the one before.

Ultralytics writes ``last.pt`` and ``best.pt`` in place after every epoch: killed in that moment, a training has nothing
to be resumed from. One default callback for ``on_train_start`` gives the trainer paths that write beside the file and
rename; the content is the same. The final removal of the optimizer's state is Ultralytics' own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from yolo_fine.utils.parts import open_part


class WholeFile(type(Path())):  # type: ignore[misc] # PosixPath or WindowsPath
    """A path whose file is replaced by a whole one, or not at all."""

    def write_bytes(self, data: bytes) -> int:
        """Write the file beside its place, and put it there when it is complete."""
        with open_part(Path(self)) as part:
            written = part.write_bytes(data)
            os.replace(part, self)
        return written


def write_checkpoints_whole(trainer: Any) -> None:
    """Callback: let the trainer's ``last.pt`` and ``best.pt`` be whole at any moment."""
    trainer.last, trainer.best = WholeFile(trainer.last), WholeFile(trainer.best)
