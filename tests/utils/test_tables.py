# SPDX-License-Identifier: AGPL-3.0-or-later
"""One table, as aligned text, Markdown and HTML."""

from __future__ import annotations

from yolo_fine.utils.tables import Table

TABLE = Table(
    [
        {"class": "car", "AP": "31.5", "n": 12, "says": None},
        {"class": "van & bus", "AP": "–", "n": 1024, "says": "<few>"},
    ],
    title="AP by class",
    note="percent",
)


def test_text_is_aligned_and_numbers_stand_to_the_right() -> None:
    assert TABLE.to_text().splitlines() == [
        "AP by class",
        "class        AP     n  says",
        "car        31.5    12",
        "van & bus     –  1024  <few>",
        "percent",
    ]


def test_markdown() -> None:
    assert TABLE.to_markdown().splitlines() == [
        "| class | AP | n | says |",
        "| --- | ---: | ---: | --- |",
        "| car | 31.5 | 12 |  |",
        "| van & bus | – | 1024 | <few> |",
    ]


def test_html_escapes_what_it_shows() -> None:
    html = TABLE.to_html()
    assert "<caption>AP by class</caption>" in html
    assert "<td>van &amp; bus</td><td>–</td><td>1024</td><td>&lt;few&gt;</td>" in html


def test_an_empty_table_is_no_error() -> None:
    assert Table([]).to_text() == ""
    assert Table([]).to_markdown() == "|  |\n|  |"
