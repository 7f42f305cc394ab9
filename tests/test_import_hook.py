# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fresh processes: who learns our names, when, and what is left alone."""

from __future__ import annotations

import os

import pytest

from tests.commands import main_of, python, pythons

BUILD = "YOLO('yolo11n-fine.yaml').model.model[11].__class__.__name__ == 'FINE' or sys.exit('not ours')"
ORDERS = {
    "ultralytics alone": "import sys; from ultralytics import YOLO; " + BUILD,
    "yolo_fine first": "import sys, yolo_fine; from ultralytics import YOLO; " + BUILD,
    "ultralytics first": "import sys; from ultralytics import YOLO; import yolo_fine; " + BUILD,
    "registry first": "import sys, yolo_fine.registry; from ultralytics import YOLO; " + BUILD,
    "blocks first": "import sys, yolo_fine.blocks.fine; from ultralytics import YOLO; " + BUILD,
    "blocks after tasks": "import sys, ultralytics.nn.tasks, yolo_fine.blocks; from ultralytics import YOLO; " + BUILD,
    "dataset module first": "import sys, ultralytics.data.utils; from ultralytics import YOLO; " + BUILD,
    "enable twice": "import sys, yolo_fine; yolo_fine.enable(); yolo_fine.enable(); from ultralytics import YOLO; "
    + BUILD,
    "in a thread": (
        "import sys, threading\n"
        "def work():\n"
        "    from ultralytics import YOLO\n"
        "    ok.append(YOLO('yolo11n-fine.yaml').model.model[11].__class__.__name__)\n"
        "ok = []; thread = threading.Thread(target=work); thread.start(); thread.join(); sys.exit(ok != ['FINE'])"
    ),
}


def test_ultralytics_alone(tmp_path):
    done = python(ORDERS["ultralytics alone"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_import_orders(tmp_path):
    done = dict(zip(ORDERS, pythons(ORDERS.values(), tmp_path), strict=True))
    assert {order: one.stderr for order, one in done.items() if one.returncode} == {}


def test_without_start_up_files_an_import_is_enough(tmp_path):
    """``-S``-like surroundings: the hook is off, and an explicit import arms it."""
    orders = ["yolo_fine first", "ultralytics first", "registry first", "ultralytics alone"]
    *done, alone = pythons([ORDERS[order] for order in orders], tmp_path, YOLO_FINE_AUTOLOAD="0")
    assert [one.stderr for one in done if one.returncode] == []
    assert alone.returncode != 0, "the hook was not off"


def test_autoload_0_leaves_ultralytics_alone(tmp_path):
    done = python(ORDERS["ultralytics alone"], tmp_path, YOLO_FINE_AUTOLOAD="0")
    assert done.returncode != 0
    assert "-fine.yaml' does not exist" in done.stderr
    done = python("import sys; sys.exit('yolo_fine' in sys.modules)", tmp_path, YOLO_FINE_AUTOLOAD="0")
    assert done.returncode == 0


def test_start_up_is_light(tmp_path):
    """A process that never imports Ultralytics loads one small module of ours, and nothing else because of it."""
    ours = "import sys; print(*sorted(name for name in sys.modules if 'yolo_fine' in name))"
    assert python(ours, tmp_path).stdout.split() == ["_yolo_fine_start"]
    loaded = "import sys; print(*sorted(set(sys.modules) - {'_yolo_fine_start'}))"
    assert python(loaded, tmp_path).stdout == python(loaded, tmp_path, YOLO_FINE_AUTOLOAD="0").stdout


def test_a_broken_installation_does_not_disturb_others(tmp_path):
    """The start-up file swallows a package that can't be imported; a seam that fails leaves Ultralytics stock."""
    broken = tmp_path / "broken"
    (broken / "yolo_fine").mkdir(parents=True)
    (broken / "yolo_fine" / "__init__.py").write_text("raise RuntimeError('broken')")
    path = os.pathsep.join(filter(None, [str(broken), os.environ.get("PYTHONPATH", "")]))
    done = python("from ultralytics import YOLO; YOLO('yolo11n.yaml'); print('fine')", tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("fine")
    code = (
        "import sys; sys.modules['yolo_fine.integration.install'] = None\n"
        "from ultralytics import YOLO; YOLO('yolo11n.yaml')"
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "yolo_fine is not active" in done.stderr


def test_a_failed_import_of_ultralytics_leaves_the_hook_armed(tmp_path):
    code = (
        "import sys; sys.modules['ultralytics.nn.modules'] = None\n"
        "try:\n    import ultralytics.nn.tasks\n"
        "except ImportError:\n    pass\n"
        "else:\n    sys.exit('expected an ImportError')\n"
        "del sys.modules['ultralytics.nn.modules']\n"
        "for name in [n for n in sys.modules if n.startswith('ultralytics.nn')]: del sys.modules[name]\n"
        "from ultralytics import YOLO; " + BUILD
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_finder_of_the_old_kind_is_passed_over(tmp_path):
    """``find_module`` alone, as Python before 3.4 had it; Python itself still asks such finders, or ignores them."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "class Old:\n    def find_module(self, name, path=None): return None\n"
        "sys.meta_path.insert(0, Old()); from ultralytics import YOLO; "
    ) + BUILD
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


WRONG = {
    "[[-1, 6], 1, FINEE, [1]]": "unknown module 'FINEE'; did you mean FINE",
    "[[-1], 1, FINE, [1]]": "FINE takes 2 inputs (high, low), 'from' gives 1",
    "[[-1, 6], 1, FINE, [1, Ture]]": "FINE argument 'heads' must be a positive integer or None, got 'Ture'",
    "[[-1, 66], 1, FINE, [1]]": "'from' points forward: 66 is not above layer 11",
    "[[-1, 6], 3, FINE, [1]]": "FINE can't be repeated",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory, tiny_data):
    """The stock command's end for each wrong row, and the folder that it ran in."""
    from yolo_fine.integration.model_files import packaged_files

    right = packaged_files("models")["yolo11-fine.yaml"].read_text()
    folder = tmp_path_factory.mktemp("wrong")
    commands = []
    for number, row in enumerate(WRONG):
        (folder / str(number)).mkdir()
        (folder / str(number) / "yolo11n-wrong.yaml").write_text(right.replace("[[-1, 6], 1, FINE, [1]]", row))
        train = main_of("yolo", "train", "model=yolo11n-wrong.yaml", f"data={tiny_data}", "epochs=1")
        commands.append(f"import os; os.chdir('{number}')\n{train}")
    return {
        row: (done, folder / str(n)) for n, (row, done) in enumerate(zip(WRONG, pythons(commands, folder), strict=True))
    }


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_row_ends_the_stock_command_in_one_message(row, ended):
    done, folder = ended[row]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("yolo_fine: yolo11n-wrong.yaml: layer 11 (head[0])") == 1
    assert WRONG[row] in done.stderr
    assert not (folder / "runs").exists()
