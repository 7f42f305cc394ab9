# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors that are meant for people: one message that names the file, the row, the value and the nearest right thing.

Every error that a user can cause derives from :class:`YoloFineError`; the commands print its message alone, without a
traceback, and end with its ``exit_code``.
"""

from __future__ import annotations


class YoloFineError(Exception):
    """Base class. ``exit_code`` is what a command returns: 1 = checked and failed, 2 = can't be done as asked."""

    exit_code = 2

    def __str__(self) -> str:
        """Return the message as written (a ``KeyError`` among the bases would quote it)."""
        return str(self.args[0]) if self.args else ""


class BlockRegistrationError(YoloFineError, ValueError):
    """A block's declaration is wrong, or its name is taken."""


class BlockArgumentError(YoloFineError, ValueError):
    """A block was given the wrong number, type or value of arguments or inputs."""


class ModelYamlError(YoloFineError, ValueError):
    """A row of a model YAML cannot be built. The message names file, row index, section, row and signature."""


class UnknownBlockError(ModelYamlError, KeyError):
    """A row names a module that neither Ultralytics nor the registry knows."""


class UpstreamError(YoloFineError, RuntimeError):
    """The installed Ultralytics does not behave as the integration assumes."""


class DataError(YoloFineError, ValueError):
    """A dataset is missing, incomplete or malformed."""


class CheckpointError(YoloFineError, RuntimeError, TypeError):
    """A weights file is truncated or not a checkpoint (Ultralytics raises one or the other, by version)."""


class MissingFileError(YoloFineError, FileNotFoundError):
    """A file that was named does not exist. The message names the nearest one that does."""


class ArgumentError(YoloFineError, ValueError):
    """A command or a script was given an argument that it cannot use."""


class UnwritableError(ArgumentError):
    """A file or folder can't be written: the disk is full or read only, or another one is in the way."""
