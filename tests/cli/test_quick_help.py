# SPDX-License-Identifier: AGPL-3.0-or-later
"""Help, and a message on a wrong argument, come at once: they import nothing that takes seconds."""

from __future__ import annotations

import json

from tests.commands import python
from yolo_fine.cli.verbs import FORWARDED, VERBS

SLOW = ("torch", "ultralytics", "cv2", "scipy", "matplotlib", "pandas")


def test_help_of_every_verb_imports_nothing_slow(tmp_path):
    commands = [[], *([*name.split(), "--help"] for name in (*VERBS, *FORWARDED)), ["help", "lint"]]
    mistakes = [[*name.split(), "nosuchkey=1"] for name in VERBS if not VERBS[name].needs] + [
        ["bench"],
        ["data", "nothing"],
        ["evla", "best.pt"],
    ]
    code = f"""
import contextlib, io, json, sys
from yolo_fine.cli import main
codes, slow = [], {{}}
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    for words in {commands + mistakes!r}:
        codes.append(main(words))
        slow |= {{name: words for name in {SLOW!r} if name in sys.modules and name not in slow}}
print(json.dumps([codes, slow]))
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    codes, slow = json.loads(done.stdout)
    assert slow == {}  # module: the command that imported it
    assert codes == [0] * len(commands) + [2] * len(mistakes)
