# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is wrong with a weights file, in one message: damaged, no checkpoint, a fork's, refused by restricted loading.

A checkpoint is a pickle that names the classes of its model. Their names are read here without unpickling anything.
"""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from yolo_fine.errors import CheckpointError
from yolo_fine.integration.versions import installed_version

UPSTREAM = "ultralytics."
UNRESOLVED = (AttributeError, ImportError, pickle.UnpicklingError)  # what unpickling an unknown class raises
NO_CHECKPOINT = (
    AttributeError, EOFError, LookupError, RuntimeError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip
PYTHON_2_NAMES = ("__builtin__", "copy_reg")  # as torch's old pickle protocol writes them
MOST_BYTES = 100_000_000  # of the pickle, which holds no tensors


def check_weights_file(file: Path) -> None:
    """Raise :class:`CheckpointError` if a weights file is empty, truncated or not a checkpoint at all."""
    if not file.is_file():
        links_to = f"a link to {os.readlink(file)}, which can't be followed" if file.is_symlink() else None
        raise CheckpointError(f"{file}: this is {links_to or 'a folder'}, no weights file")
    with file.open("rb") as stream:
        start = stream.read(2)
    if not start:
        reason = "the file is empty"
    elif start == b"PK" and not zipfile.is_zipfile(file):
        reason = f"the file is truncated ({file.stat().st_size:,} bytes); copy or download it again"
    elif start != b"PK" and start[:1] != b"\x80":  # a zip archive, or a pickle of torch before 1.6
        reason = "the file is not a PyTorch checkpoint"
    else:
        return
    raise CheckpointError(f"{file}: {reason}")


def explain(file: Path, error: Exception, restricted: bool) -> CheckpointError | None:
    """The error to raise for a file that could not be loaded, if the file is to blame.

    Args:
        file: The weights file.
        error: What loading it raised.
        restricted: Whether it was loaded with ``ULTRALYTICS_SAFE_LOAD``.
    """
    try:
        check_weights_file(file)
    except CheckpointError as damage:
        return damage
    raised = (error, error.__cause__)
    missing = missing_class(file, UPSTREAM if restricted else "")
    if missing is not None and any(isinstance(one, UNRESOLVED) for one in raised):
        return CheckpointError(f"{file}: {missing}")
    if restricted and any(isinstance(one, pickle.UnpicklingError) for one in raised):
        refused = re.search(r"GLOBAL ([\w.]+)", f"{error} {error.__cause__}")
        named = f", among them {refused.group(1)}" if refused else ""
        return CheckpointError(
            f"{file}: restricted loading (ULTRALYTICS_SAFE_LOAD) refuses it, because it holds other classes than those "
            f"of Ultralytics and of registered blocks{named}; unset the variable if you trust the file"
        )
    said = " ".join(str(error).replace("ERROR", "").replace("❌️", "").split()) or type(error).__name__
    if isinstance(error, TypeError):  # in which Ultralytics says what to do
        return CheckpointError(said if str(file) in said else f"{file}: {said}")
    if isinstance(error, NO_CHECKPOINT):
        return CheckpointError(f"{file}: the file is damaged, or no checkpoint of a model ({said[:200]})")
    return None


def looks_loadable(file: Path) -> bool:
    """Whether all classes that a checkpoint names are here, and some of them are Ultralytics'."""
    return missing_class(file) is None and any(
        module.startswith(UPSTREAM) for module, _ in classes_in(_pickle_of(file))
    )


def missing_class(file: Path, prefix: str = "") -> str | None:
    """What to say of the first class in a checkpoint that is not here; None if all are, or if they can't be read.

    Args:
        file: The checkpoint.
        prefix: Look only at modules whose names begin like this.
    """
    content = _pickle_of(file)
    for module, name in classes_in(content):
        if module.startswith(prefix) and not _is_here(module, name):
            return f"its class {name} ({module}) is not in {_origin(module, content)}"
    return None


def classes_in(content: bytes) -> list[tuple[str, str]]:
    """Module and name of every class or function that a pickle, or several in a row, asks for."""
    texts = ["", ""]
    found: dict[tuple[str, str], None] = {}
    for opcode, argument in _steps(content):
        if opcode == "GLOBAL":
            module, _, name = argument.partition(" ")
            found[module, name] = None
        elif opcode == "STACK_GLOBAL":
            found[texts[-2], texts[-1]] = None
        elif "UNICODE" in opcode:
            texts.append(argument)
    return [(module, name) for module, name in found if module not in PYTHON_2_NAMES]


def texts_in(content: bytes) -> Iterator[str]:
    """Every text in a pickle, or in several in a row."""
    return (argument for opcode, argument in _steps(content) if "UNICODE" in opcode)


def _steps(content: bytes) -> Iterator[tuple[str, str]]:
    """Name and argument of each opcode of a pickle, or of several in a row."""
    stream = io.BytesIO(content)
    try:
        while stream.tell() < len(content):
            for opcode, argument, _ in pickletools.genops(stream):
                yield opcode.name, str(argument)
    except (ValueError, IndexError):  # behind the pickles of torch before 1.6 come raw numbers
        return


def _pickle_of(file: Path) -> bytes:
    """The pickle in a checkpoint, which is a zip archive since torch 1.6; empty if there is none."""
    if not zipfile.is_zipfile(file):
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES)
    with zipfile.ZipFile(file) as archive:
        name = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        try:
            return archive.read(name) if name and archive.getinfo(name).file_size < MOST_BYTES else b""
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error):
            raise CheckpointError(f"{file}: the file is damaged: its archive can't be read") from None


def _is_here(module: str, name: str) -> bool:
    """Whether unpickling would find a class. An alias that Ultralytics sets up while it loads counts as missing."""
    try:
        found: object = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:  # whatever the module raises when it is imported
        return False
    return True


def _origin(module: str, content: bytes) -> str:
    """Where a missing class should be, and what its being missing says of the file."""
    package = module.partition(".")[0]
    if module.startswith(UPSTREAM):
        written = re.search(rb"version.{1,20}?(\d+)\.(\d+)\.(\d+)", content, re.DOTALL)
        is_newer = written is not None and tuple(map(int, written.groups())) > installed_version()
        newer = ", or from a newer Ultralytics" if is_newer else ""
        return f"this Ultralytics: the file comes from a fork{newer}"
    if importlib.util.find_spec(package):
        start = f"{package.replace('_', '-')} "
        noted = next((text for text in texts_in(content) if text.startswith(start)), "")  # by needed_packages
        return f"the {package} that is installed here: the file was written with {noted or 'another version of it'}"
    return f"Ultralytics, and no package '{package}' is here: the file comes from a fork, or needs that package"
