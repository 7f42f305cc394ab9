# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every assumption about Ultralytics' internals, each as a check that ``yolo-fine doctor`` and the test suite run."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_fine.integration.building_assumptions import BUILDING
from yolo_fine.integration.dataset_assumptions import DATASET_ASSUMPTIONS
from yolo_fine.integration.running_assumptions import RUNNING
from yolo_fine.integration.versions import Assumption

ASSUMPTIONS = (*BUILDING, *RUNNING, *(Assumption(statement, check) for statement, check in DATASET_ASSUMPTIONS))


def check_assumptions(further: Sequence[Assumption] = ()) -> list[tuple[Assumption, str | None]]:
    """Check every assumption, and those of other rooms, against the installed Ultralytics.

    Returns:
        Each with the reason of its failure, or None.
    """
    results: list[tuple[Assumption, str | None]] = []
    for assumption in (*ASSUMPTIONS, *further):
        try:
            assumption.check()
            results.append((assumption, None))
        except Exception as error:  # any failure at all means that the assumption does not hold
            results.append((assumption, f"{type(error).__name__}: {error}"))
    return results
