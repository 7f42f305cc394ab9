# SPDX-License-Identifier: AGPL-3.0-or-later
"""lint: every problem of a YAML, each in one message, and none in the models that Ultralytics and we ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import ultralytics
import yaml
from ultralytics import YOLO
from ultralytics.nn.tasks import yaml_model_load

from tests.commands import yolo_fine
from tests.extent import each_variant, some_stock
from yolo_fine.catalog import get_block, list_blocks
from yolo_fine.cli import main
from yolo_fine.costs.block_facts import count_macs, example
from yolo_fine.errors import MissingFileError, ModelYamlError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version
from yolo_fine.linter.lint import find_problems, lint

MODELS = Path(ultralytics.__file__).parent / "cfg" / "models"
PACKAGED = [name for name in packaged_files("models") if installed_version() >= (8, 4) or "26" not in name]


def with_letter(name):
    return name.replace("yolov8", "yolov8n").replace("yolo11", "yolo11n").replace("yolo26", "yolo26n")


@pytest.fixture
def model():
    """yolo11n-fine as a dictionary, without what the loader adds."""
    loaded = yaml_model_load("yolo11n-fine.yaml")
    return {key: loaded[key] for key in ("nc", "scales", "backbone", "head")}


def problems(model, folder, name="yolo11n-mine.yaml"):
    (folder / name.replace("11n", "11")).write_text(yaml.safe_dump(model, sort_keys=False))
    return [problem.message for problem in find_problems(str(folder / name)).problems]


@pytest.mark.parametrize("name", each_variant(PACKAGED))
def test_packaged_models_are_clean_at_every_scale(name):
    report = find_problems(name)
    assert report.clean, report.problems
    assert report.scales == list("nsmlx")
    assert find_problems(with_letter(name)).notes == []


@pytest.mark.parametrize("file", some_stock(sorted(MODELS.rglob("*.yaml"))), ids=lambda file: file.name)
def test_stock_models_are_clean(file):
    name = with_letter(file.name) if "scales" in file.read_text() and "yolov10" not in file.name else file.name
    report = find_problems(name)
    assert report.problems == []
    assert not any("max_stride" in note for note in report.notes)


def test_all_problems_come_at_once(model, tmp_path):
    model["nc"] = "eighty"
    model["backbone"][2] = [-1, 2, "C3k3", [256, False, 0.25]]
    model["backbone"][9] = [-1, 1, "SPPF", [1024]]
    model["backbone"][9][3].append("width")
    model["head"][0] = [[-1, 6], 1, "FINEE", [1]]
    model["head"][1] = [-1, 1, "nn.Upsample", ["None", 4, "nearest"]]
    model["head"][4] = [[-1, 4], 1, "FINE", [3]]
    model["head"][8] = [40, 1, "Conv", [256, 3, 2]]
    model["head"][10] = [-1, 2, "C3k2"]
    found = problems(model, tmp_path)
    expected = [
        "nc: must be a whole number from 1 to 100000, got 'eighty'",
        "layer 2 (backbone[2]) [-1, 2, 'C3k3', [256, False, 0.25]]: unknown module 'C3k3'; did you mean C3k",
        "layer 9 (backbone[9]) [-1, 1, 'SPPF', [1024, 'width']]: the parser takes the argument 'width'",
        "layer 11 (head[0]) [[-1, 6], 1, 'FINEE', [1]]: unknown module 'FINEE'; did you mean FINE",
        "layer 15 (head[4]) [[-1, 4], 1, 'FINE', [3]]: FINE argument 'stride' must be 1 or 2 or 4, got 3",
        "layer 19 (head[8]) [40, 1, 'Conv', [256, 3, 2]]: 'from' points forward: 40 is not above layer 19",
        "layer 21 (head[10]) [-1, 2, 'C3k2']: a row has four entries",
    ]
    for message in expected:
        assert any(message in line for line in found), (message, found)
    assert len(found) == len(expected)  # and nothing that only follows from them


def change(section, index, row):
    def apply(model):
        model[section][index] = row

    return apply


def put(key, value):
    def apply(model):
        model[key] = value

    return apply


@pytest.mark.parametrize(
    ("apply", "said"),
    [
        (
            change("head", 1, [10, 1, "nn.Upsample", ["None", 4, "nearest"]]),
            "layer 13 (head[2]) [[-1, 11], 1, 'Concat'",
        ),
        (
            change("head", 1, [10, 1, "nn.Upsample", ["None", 4, "nearest"]]),
            "from -1: 256 channels at stride 8; from 11",
        ),
        (
            change("head", 0, [[6, 10], 1, "FINE", [1]]),
            "FINE: 'high' must have half the height and width of 'low', got high 16x16",
        ),
        (change("head", 0, [6, 1, "FINE", [1]]), "FINE takes 2 inputs (high, low), 'from' gives 1"),
        (change("head", 0, [[-1, 6], 1, "FINE", [{"gian": 1}]]), "FINE has no argument 'gian'; did you mean 'gain'"),
        (change("head", 14, [[18, 18, 24], 1, "Detect", ["nc"]]), "reads maps of strides 8, 8, 32"),
        (change("head", 14, [[24, 21, 18], 1, "Detect", ["nc"]]), "they must be different, the finest first"),
        (change("head", 14, [[18, 21], 1, "Detect", ["nc"]]), "[-1, 2, 'C3k2', [1024, True]]: nobody reads its output"),
        (change("head", 14, [-1, 1, "Conv", [64, 3, 1]]), "the last layer must be a head, as Detect"),
        (change("head", 14, [-1, 1, "EMA", []]), "the last layer must be a head, as Detect; this is a block"),
        (change("head", 10, [-1, 1, "Detect", ["nc"]]), "a head must be the last layer"),
        (
            change("backbone", 2, [-1, 1, "nn.Conv2d", [32, 64, 3, 1, 1]]),
            "puts out 64 channels, but Ultralytics counts 32",
        ),
        (
            change("backbone", 2, [-1, 10**9, "C3k2", [256]]),
            "500,000,000 repeats (with the model's depth) are more than 1000",
        ),
        (change("backbone", 2, [-1, 1, "C3k2", [10**12]]), "the argument 1000000000000 is too large"),
        (change("backbone", 2, [-1, 1, "check_requirements", ["x"]]), "unknown module 'check_requirements'"),
        (change("backbone", 2, [[], 1, "Concat", [1]]), "'from' names no layer"),
        (
            change("backbone", 2, [-1, 1, "C2fAttn", [64, 32, 1]]),
            "works only in models with '-world' in their file name",
        ),
        (put("activation", "__import__('os').abort()"), "is no layer of torch.nn; write it as nn.LeakyReLU(0.1)"),
        (put("kpt_shape", [17, 4]), "kpt_shape: [17, 4] must be [keypoints, 2 or 3]"),
        (put("p2_branch", 9), "p2_branch must be 0 (as wide as stock) to 4 times"),
        (put("box_prior", "wide"), "box_prior must be 0 (off) to 15 strides"),
        (put("assign", {"flor": 8}), "assign has no key 'flor'"),
        (put("scales", {"n": [0.5, 0.25]}), "scales: n: must be [depth, width, max_channels], positive numbers"),
        (put("scales", {"s": [0.5, 0.25, 1024]}), "there is no scale 'n', only s"),
        (put("reg_max", 0), "reg_max: must be a whole number"),
    ],
)
def test_each_problem_has_its_message(apply, said, model, tmp_path):
    apply(model)
    found = problems(model, tmp_path)
    assert any(said in line for line in found), found


def test_a_problem_of_one_scale_names_it(model, tmp_path):
    model["backbone"][2] = [-1, 1, "Conv", [48, 3, 1, "None", 24]]  # 12 channels at n are not divisible by 24 groups
    found = problems(model, tmp_path, "yolo11-mine.yaml")
    assert len(found) == 1
    assert "layer 2" in found[0]
    model["backbone"][2] = [-1, 1, "Conv", [64, 3, 1, "None", 16]]  # 32 groups do not divide 16 x 1.5 channels
    model["scales"] = {"n": [0.5, 0.25, 1024], "x": [0.5, 0.1, 1024]}
    found = problems(model, tmp_path, "yolo11-mine.yaml")
    assert [line.endswith("(at scale x)") for line in found] == [True]


def test_a_name_without_place_for_a_scale(model, tmp_path):
    (found,) = problems(model, tmp_path, "mine.yaml")
    assert "always takes the first of n, s, m, l, x; rename it (yolo11-mine.yaml" in found
    model["scales"] = {"s": model["scales"]["s"]}
    assert problems(model, tmp_path, "mine.yaml") == []


@pytest.mark.parametrize(
    "text", ["nc: [1", "", "text", "[1, 2]", "nc: 80\nbackbone: 3\nhead: []\n", "a: \x00", "nc: 80\n"]
)
def test_what_is_no_model_is_unreadable(text, tmp_path):
    file = tmp_path / "yolo11-mine.yaml"
    file.write_text(text)
    with pytest.raises(ModelYamlError) as caught:
        find_problems(str(file))
    assert caught.value.exit_code == 2
    assert "yolo11-mine.yaml" in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingFileError, match=r"did you mean yolo11n-fine\.yaml"):
        find_problems("yolo11n-fin.yaml")
    with pytest.raises(MissingFileError, match=r"names end in \.yaml"):
        find_problems("yolo11n.pt")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises((MissingFileError, ModelYamlError)):
        find_problems(str(tmp_path / "folder.yaml"))
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(ModelYamlError, match="not a readable YAML"):
        find_problems(str(tmp_path / "binary.yaml"))


def test_the_command_and_its_exit_codes(model, tmp_path, capsys):
    assert main(["lint", "model=yolo11n-fine.yaml"]) == 0
    assert capsys.readouterr().out.strip() == "yolo11n-fine.yaml: clean, 26 layers at scale n"
    model["head"][0][2] = "FINEE"
    (tmp_path / "yolo11-mine.yaml").write_text(yaml.safe_dump(model))
    bad = yolo_fine("lint", "model=yolo11n-mine.yaml", "json=found.json", cwd=tmp_path)
    assert bad.returncode == 1
    assert bad.stdout.endswith("yolo11n-mine.yaml: 1 problem\n")
    written = json.loads((tmp_path / "found.json").read_text())
    assert written["clean"] is False
    assert written["problems"][0]["layer"] == 11
    assert "Traceback" not in bad.stderr
    assert main(["lint", "model=nothing.yaml"]) == 2
    assert "nothing.yaml" in capsys.readouterr().err


def test_what_is_printed(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("yolo11-mine.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    assert main(["lint", "model=yolo11-mine.yaml"]) == 0
    assert "note: yolo11-mine.yaml names no scale: Ultralytics takes the first, 'n'" in capsys.readouterr().out


def test_what_takes_long_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr("yolo_fine.utils.console.SECONDS_BETWEEN_LINES", 0.0)
    find_problems("yolo11-fine.yaml")
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("yolo11-fine.yaml: layers")]
    assert len(told) > 20  # a line a layer; after 20 seconds if it is not asked to hurry


def test_the_report_is_an_object(tmp_path, capsys):
    report = lint(Path("yolo11n-fine.yaml"))
    assert report.clean
    assert repr(report) == "yolo11n-fine.yaml: clean, 26 layers at scale n"
    model = yaml_model_load("yolo11n-fine.yaml")
    model["head"][0][2], model["head"][4][2] = "FINEE", "FINEF"
    (tmp_path / "yolo11-mine.yaml").write_text(
        yaml.safe_dump({key: model[key] for key in ("nc", "scales", "backbone", "head")})
    )
    report = lint(tmp_path / "yolo11n-mine.yaml", json=tmp_path / "found.json")
    assert [row["layer"] for row in report.table()] == [11, 15]
    assert json.loads((tmp_path / "found.json").read_text()) == json.loads(json.dumps(report.to_dict()))
    assert "<td>11</td>" in report._repr_html_()
    assert lint(YOLO("yolo11s-ema.yaml")).scales == ["s"]
    assert capsys.readouterr().out == ""  # a function prints nothing


@pytest.mark.parametrize(
    ("layer", "block", "noted"),
    [
        (16, ["PAM", []], "40,960,000 values a head on the 80x80 cells"),
        (13, ["PAM", []], None),  # 40x40
        (16, ["SRA", [2]], "10,240,000 values a head"),
        (16, ["SRA", [8]], None),
        (16, ["NTB", []], "10,240,000 values a head"),
        (16, ["PartWhole", []], None),
        (16, ["HLG", [{"window": 2}]], "10,240,000 values a head"),
        (16, ["EMA", []], None),
    ],
)
def test_a_block_quadratic_in_cells_is_noted_on_a_large_map(model, tmp_path, layer, block, noted):
    """Layers of yolo11n: what follows the fusion at stride 16, and at stride 8."""
    stock = yaml_model_load("yolo11n.yaml")
    model = {key: stock[key] for key in ("nc", "scales", "backbone", "head")}
    place = layer - len(model["backbone"])
    for row in model["head"][place + 1 :]:
        sources = row[0] if isinstance(row[0], list) else [row[0]]
        moved = [source + (source > layer) for source in sources]
        row[0] = moved if isinstance(row[0], list) else moved[0]
    model["head"][-1][0] = [source + (source == layer) for source in model["head"][-1][0]]
    model["head"].insert(place + 1, [-1, 1, *block])
    (tmp_path / "yolo11-mine.yaml").write_text(yaml.safe_dump(model, sort_keys=False))
    report = find_problems(str(tmp_path / "yolo11n-mine.yaml"))
    assert report.clean, report.problems
    if noted is None:
        assert report.notes == []
    else:
        (note,) = report.notes
        assert noted in note
        assert f"'{block[0]}" in note or block[0] in note
        assert "up to 40x40" in note


def test_softmax_in_fine_is_quadratic_and_linear_attention_is_not():
    spec = get_block("FINE")
    cells = 160 * 160
    assert spec.attention_values(cells, {"stride": 2}) == 0
    assert spec.attention_values(cells, {"stride": 1, "attn": "softmax"}) == (80 * 80) ** 2
    assert spec.attention_values(cells, {"stride": 4, "attn": "softmax"}) == (20 * 20) ** 2


def test_declared_growth_is_the_measured_one():
    """Every block whose operations grow faster than its cells declares it."""
    blocks = [spec for spec in list_blocks() if spec.cls.__module__.startswith("yolo_fine.")]
    declared = {spec.name for spec in blocks if spec.attention_values(6400, {}) > 0}
    measured = set()
    for spec in blocks:
        coarse, fine = (count_macs(*example(spec, 32, size)) for size in (80, 240))
        if fine > 9**1.25 * coarse > 0:
            measured.add(spec.name)
    assert measured == declared
