# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page in a real browser: no error, nothing asked from a network, and every control does what it says."""

from __future__ import annotations

import pytest

from tests.evaluation.report import browser as chromium
from tests.evaluation.report.scene import CLASSES, make_detections, make_evaluation, make_images, make_truth
from yolo_fine.evaluation.report.page import write_report

pytestmark = pytest.mark.skipif(bool(chromium.WHY_NOT), reason=str(chromium.WHY_NOT))
HOSTILE = ['a"><script>document.title="broken"</script>', "b' onload='x", "c</figure>&lt;", "d"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    truth, detections = make_truth(HOSTILE, make_images(folder, len(HOSTILE))), make_detections(len(HOSTILE))
    evaluation = make_evaluation(truth, detections)
    write_report(folder / "report.html", evaluation, truth, detections)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser, address):
    browser.device(1400)
    browser.open("about:blank")
    browser.open(address)
    return browser


def shown_cards(page):
    script = """return [...document.querySelectorAll(".miss")].filter(card => card.checkVisibility())
        .map(card => ({...card.dataset}))"""
    return page.run(script)


def test_no_error_and_nothing_from_a_network(page):
    assert page.log() == []
    assert (
        page.run("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    )
    page.run("fetch('http://127.0.0.1:9/').catch(() => {})")
    assert any("Content Security Policy" in line for line in page.log())


def test_every_section_and_chart_is_there(page):
    headings = page.texts("h2")
    assert headings == [
        "Metrics", "Object size", "Whole and sliced", "Comparison", "Precision and recall", "Classes", "Confusion",
        "Error types", "Worst misses", "Time", "Manifest",
    ]  # fmt: skip
    assert page.texts("nav a") == headings
    widths = page.run("return [...document.querySelectorAll('svg.chart')].map(e => e.getBoundingClientRect().width)")
    assert len(widths) == 5
    assert min(widths) > 300
    assert page.run("return [...document.images].every(e => e.complete && e.naturalWidth > 0)")


def test_names_are_text_and_never_markup(page):
    assert page.run("return document.title") == "Evaluation of <i>best.pt"
    assert page.run("return document.scripts.length") == 1
    assert page.run("return document.querySelectorAll('[onerror],[onload],img[src=x]').length") == 0
    assert [text.rsplit("\n")[0] for text in page.texts("table.sortable tbody th")] == list(CLASSES.values())
    assert set(page.texts(".where > span[title]")) == set(HOSTILE)


def test_filters_and_their_address(page, address):
    everything = shown_cards(page)
    assert {card["kind"] for card in everything} == {
        "missed", "false positive", "wrong class", "badly located", "duplicate"
    }  # fmt: skip
    page.choose("kind", "wrong class")
    assert [card["kind"] for card in shown_cards(page)] == ["wrong class"] * 4
    assert page.texts("#filters output") == [f"4 of {len(everything)}"]
    page.choose("kind", "")
    page.choose("class", "3")  # the wrong class by its annotation, the false positive by its detection
    assert {card["kind"] for card in shown_cards(page)} == {"wrong class", "false positive"}
    page.choose("size", "1")
    page.choose("sort", "score")
    assert {card["size"] for card in shown_cards(page)} == {"1"}
    address_of_view = page.run("return location.href")
    view = shown_cards(page)
    page.open("about:blank")
    page.open(address_of_view)
    assert shown_cards(page) == view
    assert page.log() == []


def test_an_empty_choice_says_so(page):
    page.choose("kind", "missed")
    page.choose("class", "3")
    assert shown_cards(page) == []
    assert page.texts("#none-left") == ["None of the misses shown here is like that."]


@pytest.mark.parametrize(
    ("order", "key", "falling"),
    [("score", "score", True), ("large", "side", True), ("small", "side", False), ("iou", "iou", True)],
)
def test_sorting_of_the_misses(page, order, key, falling):
    page.choose("sort", order)
    values = [float(card[key]) for card in shown_cards(page)]
    assert values == sorted(values, reverse=falling)
    assert len(set(values)) > 2
    page.choose("sort", "rank")
    ranks = [int(card["rank"]) for card in shown_cards(page)]
    assert ranks == list(range(len(ranks)))


def test_a_click_on_a_crop_opens_the_whole_image(page):
    page.click('.miss[data-kind="missed"] .enlarge')
    assert page.run("return document.getElementById('picture').open")
    shown = page.run("""const frame = document.querySelector('#picture .frame'), image = frame.querySelector('img');
        const here = frame.querySelector('.here'), card = document.querySelector('.miss[data-kind="missed"]');
        const sides = ['x', 'y', 'width', 'height'].map(side => here.getAttribute(side));
        return [image.naturalWidth, card.dataset.crop, sides]""")
    assert shown[0] == 640
    assert shown[1].split(" ") == shown[2]
    page.click("#picture form button")
    assert not page.run("return document.getElementById('picture').open")
    assert page.log() == []


def test_neighbouring_boxes_can_be_hidden(page):
    count = "return [...document.querySelectorAll('.near')].filter(e => getComputedStyle(e).display !== 'none').length"
    assert page.run(count) > 0
    page.click('input[name="near"]')
    assert page.run(count) == 0
    assert page.run(count.replace(".near", ".subject")) == len(shown_cards(page))


def test_table_sorts_by_its_headings_with_undefined_last(page):
    def column(index):
        return page.texts(f"table.sortable tbody td:nth-child({index})")

    page.click("table.sortable thead th:nth-child(3) button")
    values = [float(text) for text in column(3)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1
    page.click("table.sortable thead th:nth-child(3) button")
    assert [float(text) for text in column(3)] == sorted(values)
    assert page.run("return document.querySelector('thead [aria-sort]').ariaSort") == "ascending"
    for _ in range(2):  # no class has objects of the last bin; those of the medium one are 2 of 3
        page.click("table.sortable thead th:nth-child(8) button")
        assert column(8)[-1].startswith("–")
        assert not column(8)[0].startswith("–")
    page.click("table.sortable thead th:nth-child(1) button")
    names = page.texts("table.sortable tbody th")
    assert names == sorted(names, key=str.lower)


def test_table_sorts_by_keyboard(page):
    page.type("table.sortable thead th:nth-child(2) button", "\ue007")  # Enter
    assert page.run("return document.querySelector('table.sortable [aria-sort]').cellIndex") == 1


def test_curves_can_be_hidden_one_by_one(page):
    visible = """return [...document.querySelectorAll('.pr .curve')]
        .filter(curve => getComputedStyle(curve).display !== 'none').map(curve => curve.dataset.curve)"""
    assert page.run(visible) == ["0", "1", "2", "-1"]
    page.click('.legend input[data-curve="1"]')
    assert page.run(visible) == ["0", "2", "-1"]
    page.click('[data-curves="mean"]')
    assert page.run(visible) == ["-1"]
    page.click('[data-curves="all"]')
    assert page.run(visible) == ["0", "1", "2", "-1"]


def test_confusion_shows_counts(page):
    shares = page.texts(".confusion td.right")
    page.click('[data-cells="number"]')
    assert page.texts(".confusion td.right") != shares
    assert page.texts(".confusion td.right")[0] == "8"  # two of three cars found in each of four images, below 0.25 one
    assert page.run("return document.querySelector('[data-cells=number]').getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_narrow_and_wide_in_light_and_dark(page, width, dark):
    page.device(width, dark)
    assert page.run("return document.documentElement.scrollWidth") <= width
    ink, paper = page.run("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    brightness = [sum(int(part) for part in colour.strip("rgb()").split(",")) for colour in (ink, paper)]
    assert (brightness[0] > brightness[1]) is dark
    outside = """return [...document.querySelectorAll('.chart text')].filter(text => {
        const box = text.getBoundingClientRect(), chart = text.closest('.chart').getBoundingClientRect();
        return box.left < chart.left - 1 || box.right > chart.right + 1 || box.bottom > chart.bottom + 1;
    }).map(text => text.textContent)"""
    assert page.run(outside) == []


def test_prints(page):
    assert page.print_to_pdf().startswith(b"%PDF")
