# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dataset YAMLs that stock Ultralytics finds its images by, wherever the folder lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml


def dataset_yaml(splits: Mapping[str, str], classes: Sequence[str], comment: str) -> str:
    """Text of a dataset YAML that lies in the root of its data set.

    Without a ``path:``, Ultralytics takes paths as relative to the folder of the YAML, so the data set can be moved.
    Ultralytics insists on ``train`` and ``val``: one that isn't there is named too, and using it fails with its path.

    Args:
        splits: ``train``, ``val``, ``test`` -> images, relative to the YAML.
        classes: Class names in the order of their numbers.
        comment: One line about the data set.
    """
    lines = [f"# {comment}", "# Paths are relative to this file."]
    for split in ("train", "val", "test"):
        if split in splits:
            lines.append(f"{split}: {splits[split]}")
        elif split != "test":
            lines.append(
                f"{split}: images/{split} # was not converted; the key is there because Ultralytics insists on it"
            )
    names = yaml.safe_dump(dict(enumerate(classes)), allow_unicode=True, sort_keys=False)
    return "\n".join([*lines, "names:"]) + "\n" + "".join(f"  {line}\n" for line in names.splitlines())
