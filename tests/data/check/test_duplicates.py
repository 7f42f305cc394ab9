# SPDX-License-Identifier: AGPL-3.0-or-later
"""Near-duplicate search: against comparing every pair, and in time."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from tests.data.convert.downloads import draw
from yolo_fine.data.check.duplicates import BITS, near_pairs, same_groups
from yolo_fine.data.check.image_files import check_image, difference_hash


def flipped(look, bits, random):
    """The hash with that many bits changed."""
    changed = np.unpackbits(look)
    changed[random.choice(256, bits, replace=False)] ^= 1
    return np.packbits(changed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [0, 4, 10, 15])
def test_every_near_pair_is_found(seed, limit):
    random = np.random.default_rng(seed)
    looks = list(random.integers(0, 256, (60, 32), dtype=np.uint8))
    looks += [flipped(look, int(bits), random) for look in looks[:40] for bits in random.integers(0, 20, 2)]
    looks = np.array(looks)
    distance = BITS[looks[:, None] ^ looks[None]].sum(axis=2)
    expected = {(i, j, int(distance[i, j])) for i, j in zip(*np.nonzero(distance <= limit), strict=True) if i < j}
    assert expected
    found = near_pairs(looks, limit)
    assert set(found) == expected
    assert [bits for *_, bits in found] == sorted(bits for *_, bits in found)


def test_no_images_and_one():
    assert near_pairs(np.empty((0, 32), dtype=np.uint8)) == []
    assert near_pairs(np.ones((1, 32), dtype=np.uint8)) == []
    assert same_groups([b"", b"", b"a", b"b", b"a"]) == [[2, 4]]


def test_time_grows_little_more_than_the_number_of_images():
    random = np.random.default_rng(0)
    looks = random.integers(0, 256, (40_000, 32), dtype=np.uint8)
    looks[-1000:] = looks[:1000]
    start = time.process_time()
    assert len(near_pairs(looks)) == 1000
    assert time.process_time() - start < 20  # every pair would be 800 million comparisons


def test_equal_images_by_the_thousand_end():
    assert len(near_pairs(np.zeros((800, 32), dtype=np.uint8))) <= 800 * 64


@pytest.mark.parametrize("seed", range(8))
def test_saving_again_changes_few_bits_and_another_image_many(tmp_path, seed):
    draw(tmp_path / "a.png", 320, 180, seed)
    draw(tmp_path / "b.png", 320, 180, seed + 100)
    image = cv2.imread(str(tmp_path / "a.png"))
    cv2.imwrite(str(tmp_path / "c.jpg"), cv2.resize(image, (213, 120)), [cv2.IMWRITE_JPEG_QUALITY, 50])
    cv2.imwrite(str(tmp_path / "d.png"), cv2.add(image // 2, 60))
    a, b, c, d = (check_image(tmp_path / name).look for name in ("a.png", "b.png", "c.jpg", "d.png"))
    assert BITS[a ^ c].sum() <= 10
    assert BITS[a ^ d].sum() <= 10
    assert BITS[a ^ b].sum() > 60


def test_the_bits_say_where_it_gets_brighter():
    ramp = np.tile(np.arange(0, 170, 10, dtype=np.uint8), (16, 1))
    assert (difference_hash(ramp) == 255).all()
    assert (difference_hash(ramp[:, ::-1].copy()) == 0).all()
    assert difference_hash(np.full((40, 40), 7, dtype=np.uint8)) is None
