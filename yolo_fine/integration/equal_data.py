# SPDX-License-Identifier: AGPL-3.0-or-later
"""Trainings that see equal data: every sample is a function of seed, epoch and index, whatever the model.

Stock Ultralytics seeds its random numbers once. What a training then sees depends on how many were drawn before: on the
release (8.3.x shuffles alike for all seeds), on the number of loader processes, on mosaic's buffer of recent images,
and on blocks that draw when they are built. Here the order of images comes from a generator of its own for each epoch,
and augmentation of an image starts from numbers seeded by seed, epoch and index. So arms of a comparison with one seed
train on equal batches, and other seeds on others.

Several GPUs keep the stock loader.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np


def key(seed: int, epoch: int, what: object) -> int:
    """A 63-bit number for a seed, an epoch and something else; equal on all machines and versions of Python."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}/{what}".encode()).digest()[:8], "little") >> 1


class EpochOrder:
    """A sampler whose order depends on seed and epoch alone. It yields ``epoch * images + index``.

    It counts its epochs itself: a loader that fetches ahead asks for the next epoch before the trainer is there.
    """

    def __init__(self, images: int, seed: int) -> None:
        self.images, self.seed, self.next_epoch = images, seed, 0

    def __len__(self) -> int:
        return self.images

    def __iter__(self) -> Iterator[int]:
        import torch

        epoch, self.next_epoch = self.next_epoch, self.next_epoch + 1
        generator = torch.Generator().manual_seed(key(self.seed, epoch, "order"))
        for index in torch.randperm(self.images, generator=generator).tolist():
            yield epoch * self.images + index


class KeyedDataset:
    """A dataset whose augmentation of a sample depends on seed, epoch and index alone.

    Everything else is the wrapped dataset's, also what a trainer sets on it (``mosaic``).
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        object.__setattr__(self, "dataset", dataset)
        object.__setattr__(self, "seed", seed)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name in ("dataset", "seed"):  # asked for while unpickling, before they are there
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.dataset, name, value)

    def __getstate__(self) -> tuple[Any, int]:
        return self.dataset, self.seed

    def __setstate__(self, state: tuple[Any, int]) -> None:
        object.__setattr__(self, "dataset", state[0])
        object.__setattr__(self, "seed", state[1])

    def __getitem__(self, number: int) -> Any:
        """Sample ``number % len`` as epoch ``number // len`` sees it."""
        epoch, index = divmod(number, len(self.dataset))
        states = random.getstate(), np.random.get_state()
        start = key(self.seed, epoch, index)
        random.seed(start)
        np.random.seed(start % 2**32)
        try:
            return self.dataset[index]
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@cache
def equal_data_trainer(base: type) -> type:
    """A trainer class like ``base``, one of Ultralytics' own, whose data depend on seed, epoch and index alone."""

    class EqualDataTrainer(base):  # type: ignore[misc]
        data_hash = hashlib.sha256()

        def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
            """The stock loader, with another order and keyed augmentation for training in one process."""
            loader = super().get_dataloader(dataset_path, batch_size, rank, mode)
            if mode != "train" or rank != -1:
                return loader
            self.data_hash = hashlib.sha256()
            return _with_equal_data(loader, self.args.seed)

        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            """Stock, after adding the batch to the hash of all data seen."""
            if self.model.training:  # validation goes through the validator
                for name in ("img", "cls", "bboxes"):
                    self.data_hash.update(batch[name].cpu().numpy().tobytes())
            prepared: dict[str, Any] = super().preprocess_batch(batch)
            return prepared

        def _close_dataloader_mosaic(self) -> None:
            super()._close_dataloader_mosaic()
            without_buffer(self.train_loader.dataset.transforms)
            self.train_loader.sampler.next_epoch = self.epoch  # the loader is reset, with what it fetched ahead

    return EqualDataTrainer


def _with_equal_data(loader: Any, seed: int) -> Any:
    """A loader like ``loader`` over a keyed dataset, in an order of its own."""
    from ultralytics.data.build import InfiniteDataLoader

    without_buffer(loader.dataset.transforms)
    dataset = KeyedDataset(loader.dataset, seed)
    return InfiniteDataLoader(
        dataset=dataset,
        batch_size=loader.batch_size,
        sampler=EpochOrder(len(dataset), seed),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        drop_last=loader.drop_last,
    )


def without_buffer(transform: Any) -> None:
    """Let every mosaic in a transform draw from all images, not from those that this process loaded lately."""
    if hasattr(transform, "buffer_enabled"):
        transform.buffer_enabled = False
    for inner in [*getattr(transform, "transforms", []), getattr(transform, "pre_transform", None)]:
        if inner is not None:
            without_buffer(inner)
