# SPDX-License-Identifier: AGPL-3.0-or-later
"""Texts, tables, progress and errors: on a terminal, on a narrow or a dumb one, and where there is none."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest

from yolo_fine.utils import console
from yolo_fine.utils.console import progress, show, show_error, stage, track
from yolo_fine.utils.tables import Table

pty = pytest.importorskip("pty")
ROWS = [
    {"model": "yolo11n-fine.yaml", "parameters": "3,070,000", "GFLOPs": "6.9", "what it does": "refines fusions " * 4},
    {"model": "[bold]x[/bold]", "parameters": "12", "GFLOPs": "15.2", "what it does": "short"},
]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A pseudo terminal in place of standard output and error."""

    def __init__(self) -> None:
        self.reader, writer = pty.openpty()
        self.stream = os.fdopen(writer, "w", encoding="utf-8")

    def read(self) -> str:
        self.stream.flush()
        self.stream.close()
        found = b""
        while True:
            try:
                part = os.read(self.reader, 65536)
            except OSError:
                break
            if not part:
                break
            found += part
        os.close(self.reader)
        return found.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(monkeypatch):
    """A function that puts a terminal of 100 columns in place, and returns one that reads it."""

    def begin():
        made = Terminal()
        monkeypatch.setattr(sys, "stdout", made.stream)  # (pytest would undo it between the fixture and the test)
        monkeypatch.setattr(sys, "stderr", made.stream)
        return made.read

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    return begin


def test_a_table_has_colours_and_fits_a_terminal(terminal):
    read = terminal()
    show("models", Table(ROWS, title="costs", wraps="what it does"))
    said = read()
    assert "\x1b[" in said
    plain = ESCAPE.sub("", said)
    assert max(map(len, plain.splitlines())) <= 100
    assert "[bold]x[/bold]" in plain
    assert plain.count("yolo11n-fine.yaml") == 1


def test_no_color_is_heeded(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    read = terminal()
    show(Table(ROWS))
    show_error("yolo-fine: no such file")
    said = read()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said)
    assert "no such file" in said


def test_a_narrow_terminal_gets_the_table_in_pieces_with_the_first_column(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    read = terminal()
    show(Table(ROWS, wraps="what it does"))
    plain = ESCAPE.sub("", read())
    assert max(map(len, plain.splitlines())) <= 50
    assert plain.count("yolo11n-fine.yaml") == 2
    assert all(word in plain for word in ("parameters", "GFLOPs", "what it does", "3,070,000"))


def test_a_dumb_terminal_gets_plain_text(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    read = terminal()
    show(Table(ROWS))
    with stage("drawing") as now:
        now.outcome = "12 objects"
    show_error("yolo-fine: stopped")
    said = read()
    assert "\x1b" not in said
    assert Table(ROWS).to_text() in said
    assert re.search(r"^drawing: 12 objects \(\d\.\d s\)$", said, re.MULTILINE)
    assert said.endswith("yolo-fine: stopped\n")


def test_progress_is_a_bar_that_goes_away(terminal):
    read = terminal()
    assert list(track(range(3), 3, "reading")) == [0, 1, 2]
    said = read()
    assert "reading" in said
    assert "3/3" in said
    assert said.rstrip().endswith("\x1b[2K") or "\x1b[2K" in said.rsplit("3/3", 1)[1]


def test_a_stage_is_one_line_on_a_terminal(terminal):
    read = terminal()
    with stage("training") as now:
        now.now("epoch 1 of 2")
        now.outcome = "mAP50 0.31"
    plain = ESCAPE.sub("", read())
    assert re.search(r"training: mAP50 0\.31 \(\d\.\d s\)$", plain.rstrip())


def test_without_a_terminal_results_are_text_and_progress_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.0)
    show("models", Table(ROWS))
    with progress("runs") as tell:
        tell(1, 4, "epoch 2 of 3")
    with stage("drawing") as now:
        now.now("3 of 4")
    out, err = capsys.readouterr()
    assert out.startswith("models\nmodel ")
    assert "\x1b" not in out + err
    assert err == "runs: 1 of 4, epoch 2 of 3\n"
    assert re.search(r"^drawing: done \(\d\.\d s\)$", out, re.MULTILINE)


def test_a_stage_that_fails_ends_its_line(capsys):
    with pytest.raises(ValueError, match="broken"), stage("drawing"):
        raise ValueError("broken")
    assert capsys.readouterr().out == "drawing: \n"


def test_ascii_terminals_get_ascii(monkeypatch):
    class Ascii(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    stream = Ascii(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    show(Table([{"a": "1", "b": "two"}]))
    stream.flush()
    assert b"two" in stream.buffer.getvalue()


def test_an_error_stands_out_up_to_its_first_colon(terminal):
    read = terminal()
    show_error("yolo-fine: [bold]no[/bold] such file")
    said = read()
    assert "\x1b[1;31myolo-fine: \x1b[0m[bold]no[/bold] such file" in said
