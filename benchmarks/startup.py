# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the start-up file costs a process that never imports Ultralytics: ``python benchmarks/startup.py [runs=20]``.

Pairs of ``python -c pass`` with the hook off and on, in turn: wall time of each, and the import times that Python
itself reports for our modules (``-X importtime``).
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time


def wall(autoload: str) -> float:
    """Milliseconds of one interpreter start."""
    env = {**os.environ, "YOLO_FINE_AUTOLOAD": autoload}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=env, check=True)
    return (time.perf_counter() - started) * 1e3


def imports() -> float:
    """Milliseconds that one interpreter start spends in our modules, by ``-X importtime``."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "pass"], capture_output=True, text=True, check=True
    )
    lines = re.findall(r"(\d+) \|\s+\d+ \|\s+(_?yolo_fine\S*)", done.stderr)
    return sum(int(own) for own, _ in lines) / 1e3


def main() -> None:
    """Print medians over the runs."""
    runs = next((int(word.removeprefix("runs=")) for word in sys.argv[1:] if word.startswith("runs=")), 20)
    pairs = [(wall("0"), wall("1")) for _ in range(runs)]
    off, on = (statistics.median(side) for side in zip(*pairs, strict=True))
    extra = statistics.median(with_hook - without for without, with_hook in pairs)
    print(f"interpreter start, median of {runs}: hook off {off:.2f} ms, hook on {on:.2f} ms")
    print(f"extra, median of the pairs: {extra:.2f} ms")
    print(f"own import time (-X importtime), median: {statistics.median(imports() for _ in range(runs)):.2f} ms")


if __name__ == "__main__":
    main()
