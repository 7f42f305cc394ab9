# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ``yolo-fine`` command: ``yolo-fine VERB key=value ...``, in the grammar of Ultralytics' own ``yolo``.

Verbs of this package are listed in :data:`VERBS`; every other verb is handed to Ultralytics with the integration armed.
Returns 0 (done), 1 (checked and failed) or 2 (can't be done as asked); a user's mistake ends in one message.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from yolo_fine._version import __version__
from yolo_fine.cli.words import call, parse_words
from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.utils.hints import did_you_mean

USAGE = """yolo-fine {version}: small-object blocks for stock Ultralytics YOLO

  yolo-fine demo                        train, validate and export a small-object detector, offline, in minutes
  yolo-fine train|val|predict           Ultralytics' modes, same arguments as `yolo`, with inputs checked first
  yolo-fine export model=best.pt format=onnx         export, and the proof that the file gives what the model gives
  yolo-fine export check=best.onnx model=best.pt     the proof alone
  yolo-fine blocks [NAME] [kind=fuse]   list the blocks with their costs, or describe one
  yolo-fine compose base=yolo26n fuse=FINE refine=EMA head=p2 out=my.yaml   blocks put into a stock model YAML
  yolo-fine lint model=my.yaml          every problem of a model YAML at once
  yolo-fine seed model=my.yaml weights=yolo26n.pt   a checkpoint with every pretrained tensor in its place
  yolo-fine eval model=best.pt data=VisDrone.yaml   AP by object size, the official VisDrone score, intervals, a report
  yolo-fine eval annotations=DIR detections=DIR     the same for the files of any detector
  yolo-fine data visdrone|coco source=DIR           an official download as a dataset to train and evaluate on
  yolo-fine data check data=FILE.yaml   sizes, classes, broken labels and duplicates of a dataset
  yolo-fine models [scales=n] [json=FILE]   the packaged model YAMLs with parameters and GFLOPs
  yolo-fine doctor [json=FILE]          check this environment

Stock `yolo` understands the same model YAMLs: yolo train model=yolo11n-fine.yaml data=VisDrone.yaml
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. ``argv`` are the words behind ``yolo-fine``."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in ("help", "--help", "-h"):
            print(USAGE.format(version=__version__))
            return 0
        if words[0] in ("version", "--version"):
            print(__version__)
            return 0
        if words[0] in VERBS:
            return VERBS[words[0]](words[1:])
        return forward(words)
    except YoloFineError as error:
        print(f"yolo-fine: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader has seen enough: yolo-fine blocks | head
        sys.stdout = None  # type: ignore[assignment]
        return 0
    except KeyboardInterrupt:
        print("yolo-fine: stopped", file=sys.stderr)
        return 130


def forward(words: Sequence[str]) -> int:
    """Hand a command to Ultralytics, after checking the inputs that it would stumble over late."""
    from ultralytics.cfg import MODES, TASKS, entrypoint

    from yolo_fine.cli.inputs import check_inputs, is_users_mistake

    others = {"settings", "checks", "cfg", "copy-cfg", "solutions", "logout", "login", "hub"}
    known = {*VERBS, *MODES, *TASKS, *others}
    if words[0] not in known and "=" not in words[0]:
        raise ArgumentError(f"unknown verb '{words[0]}'{did_you_mean(words[0], known)}; see 'yolo-fine help'")
    check_inputs(words)
    if "train" in words and "YOLO_FINE_EVAL" not in os.environ:
        from yolo_fine.evaluation.small_ap import log_small_ap

        log_small_ap()
    sys.argv = ["yolo", *words]
    try:
        entrypoint()
    except Exception as error:
        if not is_users_mistake(error):
            raise
        raise ArgumentError(str(error)) from error
    return 0


def demo(words: Sequence[str]) -> int:
    """``yolo-fine demo``."""
    from yolo_fine.cli.demo import run_demo

    call(run_demo, words)
    return 0


def models(words: Sequence[str]) -> int:
    """``yolo-fine models``."""
    from yolo_fine.costs.model_cost import show_model_costs

    call(show_model_costs, words)
    return 0


def blocks(words: Sequence[str]) -> int:
    """``yolo-fine blocks [NAME]``."""
    from yolo_fine.costs.block_pages import show_blocks

    call(show_blocks, [f"name={word}" if "=" not in word else word for word in words])
    return 0


def compose(words: Sequence[str]) -> int:
    """``yolo-fine compose``."""
    from yolo_fine.composer.compose import compose as run

    call(run, words)
    return 0


def data(words: Sequence[str]) -> int:
    """``yolo-fine data visdrone|coco|check``: 1 if the check finds problems, else 0."""
    from yolo_fine.data.check.check import check_dataset
    from yolo_fine.data.check.result import check_lines
    from yolo_fine.data.convert.coco import convert_coco
    from yolo_fine.data.convert.visdrone import convert_visdrone

    commands: dict[str, Callable[..., Any]] = {
        "check": check_dataset,
        "coco": convert_coco,
        "visdrone": convert_visdrone,
    }
    if not words or words[0] not in commands:
        found = f"'{words[0]}' is not understood{did_you_mean(words[0], commands)}" if words else "what?"
        raise ArgumentError(f"yolo-fine data: {found}; say yolo-fine data {'|'.join(commands)}")
    command, given = commands[words[0]], [*words[1:]]
    if command is not check_dataset:
        print(call(command, given).summary())
        return 0
    pairs = dict(word.split("=", 1) for word in given if "=" in word)
    out = pairs.get("out") or f"runs/data/{Path(pairs.get('data', '')).stem}.png"
    check = call(command, given if pairs.get("out") else [*given, f"out={out}"])
    print("\n".join(check_lines(check)))
    print(f"\n{'no problems found' if check.sound else 'problems found'}; image: {out}")
    return 0 if check.sound else 1


def evaluate(words: Sequence[str]) -> int:
    """``yolo-fine eval``."""
    from yolo_fine.evaluation.folder import free_folder
    from yolo_fine.evaluation.report.terminal import format_evaluation
    from yolo_fine.evaluation.run import evaluate as run

    _, given = parse_words(words)
    out = given.get("out") or free_folder()
    result = call(run, [*(word for word in words if not word.startswith("out=")), f"out={out}"])
    print(format_evaluation(result))
    print(f"written: {out}/report.html, eval.json, detections.json")
    return 0


def export(words: Sequence[str]) -> int:
    """``yolo-fine export``: 1 if the file gives something else than the model, else 0."""
    from yolo_fine.cli.export import run

    return run(words)


def lint(words: Sequence[str]) -> int:
    """``yolo-fine lint``: 0 if the YAML is clean, else 1."""
    from yolo_fine.linter.lint import lint as run

    return 0 if call(run, words) else 1


def seed(words: Sequence[str]) -> int:
    """``yolo-fine seed``."""
    from yolo_fine.integration.transfer.seed import seed as run

    call(run, words)
    return 0


def doctor(words: Sequence[str]) -> int:
    """``yolo-fine doctor``: 0 if everything is as it should be, else 1."""
    from yolo_fine.cli.doctor import diagnose

    return 0 if call(diagnose, words) else 1


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "blocks": blocks,
    "compose": compose,
    "data": data,
    "demo": demo,
    "doctor": doctor,
    "eval": evaluate,
    "export": export,
    "lint": lint,
    "models": models,
    "seed": seed,
}

if __name__ == "__main__":
    sys.exit(main())
