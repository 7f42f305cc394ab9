# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files of a download, whether it is an unpacked folder or still a zip archive."""

from __future__ import annotations

import itertools
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from yolo_fine.errors import DataError

MAX_EXPANSION = 100  # times that a zip archive, or a file in one, may become larger when it is unpacked,
FREE_BYTES = 2**20  # beyond a size that doesn't matter
UNREADABLE = (OSError, ValueError, NotImplementedError, zipfile.BadZipFile)


class FileTree:
    """Files below a place, by path relative to it. Hidden files and those that macOS adds are left out.

    Attributes:
        place: The folder or archive.
        sizes: Relative path -> size in bytes.
    """

    def __init__(self, place: Path, sizes: dict[PurePosixPath, int]):
        self.place = place
        self.sizes = {name: size for name, size in sorted(sizes.items()) if not _is_hidden(name)}

    def where(self, name: PurePosixPath) -> str:
        """How messages call a file."""
        return str(self.place / name)

    def read(self, name: PurePosixPath) -> bytes:
        """The content of a file.

        Raises:
            DataError: It can't be read.
        """
        raise NotImplementedError

    def put(self, name: PurePosixPath, target: Path) -> None:
        """Make ``target`` have the content of a file.

        Raises:
            DataError: It can't be read.
        """
        raise NotImplementedError

    def bytes_to_write(self, folder: Path) -> int:
        """Disk space that putting every file into ``folder`` takes."""
        return sum(self.sizes.values())


class FolderTree(FileTree):
    """Files of a folder. Putting one makes a hard link where the file system can, else a copy.

    Args:
        place: The folder; one that doesn't exist has no files.
        deep: Also files of folders below it.
    """

    def __init__(self, place: Path, deep: bool = True):
        walk = os.walk(place, followlinks=True)
        folders = walk if deep else itertools.islice(walk, 1)
        files = [Path(folder, name) for folder, _, names in folders for name in names]
        super().__init__(place, {PurePosixPath(file.relative_to(place).as_posix()): _size(file) for file in files})

    def read(self, name: PurePosixPath) -> bytes:
        """See :meth:`FileTree.read`."""
        try:
            return (self.place / name).read_bytes()
        except OSError as error:
            raise DataError(f"{self.where(name)} can't be read: {error.strerror or error}") from error

    def put(self, name: PurePosixPath, target: Path) -> None:
        """See :meth:`FileTree.put`."""
        link_or_copy(self.place / name, target)

    def bytes_to_write(self, folder: Path) -> int:
        """See :meth:`FileTree.bytes_to_write`: links take none."""
        return 0 if self.place.stat().st_dev == folder.stat().st_dev else super().bytes_to_write(folder)


class ZipTree(FileTree):
    """Files of a zip archive.

    A few bytes can claim to hold a disk full of zeros. Annotations shrink to an eighth, so an archive, or a file in
    one, that expands a hundredfold is refused.
    """

    def __init__(self, place: Path):
        try:
            self.archive = zipfile.ZipFile(place)
            packed = place.stat().st_size
        except UNREADABLE as error:
            raise DataError(f"{place} is no whole zip archive ({error}); download it again") from error
        self.members = {PurePosixPath(entry.filename): entry for entry in self.archive.infolist() if not entry.is_dir()}
        super().__init__(place, {name: entry.file_size for name, entry in self.members.items()})
        _check_expansion(str(place), packed, sum(self.sizes.values()))

    def read(self, name: PurePosixPath) -> bytes:
        """See :meth:`FileTree.read`."""
        return b"".join(self._unpack(name))

    def put(self, name: PurePosixPath, target: Path) -> None:
        """See :meth:`FileTree.put`."""
        with target.open("wb") as stream:
            stream.writelines(self._unpack(name))

    def _unpack(self, name: PurePosixPath) -> Iterator[bytes]:
        """The content of a file in pieces, together no more bytes than the entry claims."""
        entry = self.members[name]
        _check_expansion(self.where(name), entry.compress_size, entry.file_size)
        try:
            with self.archive.open(entry) as stream:
                while piece := stream.read(2**20):
                    yield piece
        except (*UNREADABLE, zlib.error, EOFError, RuntimeError) as error:
            raise DataError(f"{self.where(name)} can't be unpacked ({error}); download the archive again") from error


def _check_expansion(what: str, packed: int, unpacked: int) -> None:
    """Refuse what claims to expand beyond measure.

    Raises:
        DataError: It does.
    """
    if unpacked > FREE_BYTES + MAX_EXPANSION * packed:
        raise DataError(
            f"{what} claims to expand from {packed:,} to {unpacked:,} bytes, more than {MAX_EXPANSION}-fold; no dataset"
            " does, so this is a damaged or a malicious archive"
        )


def open_tree(place: Path) -> FileTree:
    """The files of a folder or of a zip archive.

    Raises:
        DataError: It is neither.
    """
    return FolderTree(place) if place.is_dir() else ZipTree(place)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it where links can't be made (another file system)."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _size(file: Path) -> int:
    """Size in bytes; 0 for a link that leads nowhere, which fails with its name when it is read."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
