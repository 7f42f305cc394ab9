# SPDX-License-Identifier: AGPL-3.0-or-later
"""Do to the commands what happens to them in the field: ``python scripts/torture.py [repeats=20] [only=kill]``.

Kills, full and read-only disks, runs at one time, equal process ids, threads, hostile files. It works in a folder of
its own, ends no process but its own, takes the same moments for the same ``seed=``, and prints a table; ``page=FILE``
puts its rows into that of a page. Returns 1 when anything was lost or left behind.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torturing.rows import Row

MARKS = ("<!-- table of scripts/torture.py -->", "<!-- end of the table -->")
INSIDE = "YOLO_FINE_TORTURE"


def main(words: list[str]) -> int:
    """Run it, inside a namespace where disks can be mounted if there is one."""
    if INSIDE not in os.environ:
        from torturing.disks import with_namespace

        command = [sys.executable, __file__, *words]
        code = with_namespace(command, lambda line: os.spawnvpe(os.P_WAIT, line[0], line, {**os.environ, INSIDE: "1"}))
        if code is not None:
            return code
    given = dict(word.split("=", 1) for word in words)
    repeats, seed, only = int(given.get("repeats", 20)), int(given.get("seed", 0)), given.get("only", "")
    rows = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        os.environ |= {"YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", INSIDE: "1"}
        for row in torture(Path(folder), repeats, random.Random(seed), only):
            rows.append(row)
            print(line_of(row), flush=True)
            print(*(f"    {text}" for text in row.details), sep="\n", end="\n" * bool(row.details), flush=True)
    lost, left = sum(row.lost for row in rows), sum(row.left for row in rows)
    tried = sum(row.tried for row in rows)
    print(f"{tried} tried, {lost} lost, {left} left behind, {time.monotonic() - began:.0f} s")
    if page := given.get("page"):
        write_page(Path(page), rows)
    return int(lost + left > 0)


def torture(folder: Path, repeats: int, random_: random.Random, only: str) -> Iterator[Row]:
    """Everything, or what has a word in its name, a row a kind."""
    import torch

    torch.set_num_threads(1)
    import onnx  # noqa: F401 - forks need not import what this process has
    import ultralytics.engine.trainer
    import ultralytics.models  # noqa: F401
    from torturing import disks, hostile, together
    from torturing.commands import OTHERS, WRITERS
    from torturing.inputs import make_inputs
    from torturing.kills import kill_often

    import yolo_fine.evaluation.run
    import yolo_fine.exporter.export  # noqa: F401

    inputs = make_inputs(folder / "inputs")
    can_mount = os.geteuid() == 0
    for writer in WRITERS:
        if is_wanted(only, f"kill: {writer.name}"):
            yield kill_often(writer, inputs, folder, repeats, random_)
    for writer in (*WRITERS, *OTHERS):
        if is_wanted(only, f"disk: {writer.name}") and writer.name != "train+resume":
            yield from disks.fill_disks(writer, inputs, folder, can_mount)
    few = max(repeats // 4, 1)
    if is_wanted(only, "output"):
        yield disks.fill_output({writer.name: writer.act() for writer in together.RACING}, fresh(folder, inputs))
    for writer in together.RACING:
        if is_wanted(only, f"race: {writer.name}"):
            yield together.race(writer, inputs, folder, few)
    if is_wanted(only, "race: eval without"):
        yield together.race_without_out(inputs, folder, few)
    if is_wanted(only, "equal") and together.can_have_equal_ids(folder):
        for writer in together.RACING:
            yield together.race_with_equal_ids(writer, inputs, folder, few)
    if is_wanted(only, "threads"):
        yield together.first_use_from_threads(folder, max(repeats // 10, 1))
    if is_wanted(only, "hostile"):
        yield from hostile.offer(inputs, folder)


def is_wanted(only: str, name: str) -> bool:
    """Whether a kind is to be tried; ``only`` lists words, with commas between them."""
    return not only or any(word in name for word in only.split(","))


def fresh(folder: Path, inputs: Path) -> Path:
    """A folder to run in."""
    from torturing.kills import prepare

    place = folder / "output"
    prepare(place, inputs)
    return place


def line_of(row: Row) -> str:
    """A row of the table, as text."""
    return f"{row.what:<38}{row.tried:>7}{row.survived:>10}{row.lost:>6}{row.left:>6}"


def write_page(page: Path, rows: list[Row]) -> None:
    """Put rows into the table between the marks of a page; those of kinds that were not tried now stay."""
    begin, end = MARKS
    text = page.read_text(encoding="utf-8")
    before, table, after = re.fullmatch(f"(.*{begin})(.*)({end}.*)", text, flags=re.DOTALL).groups()
    old = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    counts = {name: tuple(map(int, cells)) for name, *cells in old if cells[0].isdigit()}
    counts |= {row.what: (row.tried, row.survived, row.lost, row.left) for row in rows}
    total = tuple(map(sum, zip(*counts.values(), strict=True)))
    lines = [
        "| what was done to what | tried | survived | lost | left behind |",
        "|---|---:|---:|---:|---:|",
        *(f"| {name} | {' | '.join(map(str, cells))} |" for name, cells in sorted(counts.items())),
        f"| **all** | {' | '.join(f'**{number}**' for number in total)} |",
    ]
    page.write_text("\n".join([before, *lines, after]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
