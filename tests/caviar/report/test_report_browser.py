"""The report in a real browser: headless Chromium, at desktop and phone width, in both schemes."""

from __future__ import annotations

import os
import shutil

import pytest
from made_up import SPACE, sampled, write
from without_ray import METRIC

from caviar import report
from caviar.report import compare
from caviar.store.experiments import find

HOSTILE = "RuntimeError: </script><script>window.hacked=1</script><img src=x onerror='hacked=2'>"
SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        message = "needs Debian's chromium: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # no sandbox: as root, which CI is, Chromium has none
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    records = sampled(45)
    for record in records:
        if record.error is not None:
            record.error = HOSTILE
    name = "a<b onmouseover=hacked=3>'\"&"
    where = tmp_path_factory.mktemp("browser") / name
    write(where, records, traceback=f"Traceback (most recent call last):\n{HOSTILE}\n")
    report.write(find(where))
    return where


@pytest.fixture
def opened(browser):
    """Opens a page and scrolls until figures are drawn; at the end nothing may have gone wrong."""
    wrong: list[str] = []
    pages = []

    def go(path, *, size="desktop", scheme="light", draw=".figure"):
        width, height = SIZES[size]
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        page.set_default_timeout(200_000)
        pages.append(page)
        page.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog}"), dialog.dismiss()))
        page.on(
            "request",
            lambda asked: asked.url.startswith("file:") or wrong.append(f"request: {asked.url}"),
        )
        page.goto(path.as_uri())
        for figure in page.locator(draw).all():
            figure.scroll_into_view_if_needed()
            figure.locator(".main-svg").first.wait_for()
        return page

    yield go
    for page in pages:
        assert page.evaluate("window.hacked") is None
        page.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_section_has_its_content_and_fits(opened, folder, size, scheme, tmp_path):
    page = opened(folder / "report.html", size=size, scheme=scheme)
    found = page.evaluate(
        """() => [...document.querySelectorAll('section')].map(section => ({
            id: section.id,
            height: section.offsetHeight,
            figures: [...section.querySelectorAll('.figure')].map(figure => ({
                id: figure.id,
                traces: figure.querySelectorAll('.trace, .contour, .bars').length,
                width: figure.querySelector('.main-svg').getBoundingClientRect().width,
                room: figure.parentElement.scrollWidth,
            })),
            rows: section.querySelectorAll('tbody tr').length,
        }))"""
    )
    sections = {section["id"]: section for section in found}
    assert all(section["height"] > 60 for section in found)
    expected = {"verdict": 0, "progress": 2, "curves": 1, "parallel": 1, "importance": 1}
    expected |= {"landscape": 1 + len(SPACE), "workers": 1, "failures": 0, "finalists": 0}
    expected |= {"space": 0, "provenance": 0}
    assert {name: len(one["figures"]) for name, one in sections.items()} == expected
    for section in found:
        for figure in section["figures"]:
            assert figure["traces"] > 0, figure
            assert 100 < figure["width"] <= figure["room"] + 1, figure
    for name in ("verdict", "importance", "failures", "finalists", "space", "provenance"):
        assert sections[name]["rows"] > 0
    # nothing makes the page itself wider than the screen
    width = SIZES[size][0]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for words in ("rgb", "text"):
        assert contrast(page, words) > 4.5
    picture = tmp_path / "page.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 50_000


def contrast(page, of):
    """The contrast of the page's text, or of a figure's, against what it stands on (WCAG 2.1)."""
    selector = "p.lead" if of == "rgb" else "#importances .ytick text"
    colours = page.evaluate(
        """([selector]) => {
            const text = getComputedStyle(document.querySelector(selector));
            const ground = getComputedStyle(document.body).backgroundColor;
            return [selector.startsWith('#') ? text.fill : text.color, ground];
        }""",
        [selector],
    )
    light, dark = sorted(map(luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_hovering_names_the_trial(opened, folder):
    page = opened(folder / "report.html", draw="#best-by-epochs")
    figure = page.locator("#best-by-epochs")
    figure.scroll_into_view_if_needed()
    points = figure.locator(".scatterlayer .trace .points path")
    points.last.hover(force=True)
    label = figure.locator(".hoverlayer .hovertext").first
    label.wait_for()
    best = find(folder).best(find(folder).trials())
    assert f"trial {best.number}" in label.text_content()
    assert METRIC in label.text_content()


def test_a_click_in_the_legend_switches_curves_off(opened, folder):
    page = opened(folder / "report.html", draw="#learning-curves")
    figure = page.locator("#learning-curves")
    figure.scroll_into_view_if_needed()

    def shown():
        return figure.locator(".scatterlayer .trace").count()

    before = shown()
    entry = figure.locator(".legend .traces", has_text="stopped early")
    entry.locator(".legendtoggle").click()
    page.wait_for_function(
        "before => document.querySelectorAll('#learning-curves .scatterlayer .trace').length"
        " === before - 2",
        arg=before,
    )
    page.wait_for_timeout(400)  # a second click sooner would be a double click
    entry.locator(".legendtoggle").click()
    page.wait_for_function(
        "before => document.querySelectorAll('#learning-curves .scatterlayer .trace').length"
        " === before",
        arg=before,
    )


def test_a_change_of_the_scheme_reaches_the_figures(opened, folder):
    page = opened(folder / "report.html", draw="#importances")
    is_on = "ground => document.querySelector('#importances').layout.paper_bgcolor === ground"
    for scheme, ground in (("light", "#ffffff"), ("dark", "#12161c"), ("light", "#ffffff")):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(is_on, arg=ground)


def test_on_paper_every_figure_is_there_light_and_no_wider_than_the_page(opened, folder):
    page = opened(folder / "report.html", scheme="dark", draw="#importances")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    figures = page.evaluate(
        """[...document.querySelectorAll('.figure')].map(figure => ({
            width: figure.querySelector('.main-svg').getBoundingClientRect().width,
            ground: figure.layout.paper_bgcolor,
        }))"""
    )
    assert len(figures) == 7 + len(SPACE)
    for figure in figures:
        assert figure["width"] <= 660
        assert figure["ground"] == "#ffffff"
    fits = "Math.max(...[...document.querySelectorAll('table')].map(one => one.offsetWidth))"
    page.set_viewport_size({"width": 680, "height": 900})
    assert page.evaluate(fits) <= 680
    assert page.locator("details[open]").count() == page.locator("details").count() > 0
    assert page.locator("nav").is_hidden()


def test_hostile_text_is_shown_as_text(opened, folder):
    page = opened(folder / "report.html", draw="#slice-0")
    assert page.locator("h1").text_content() == folder.name
    assert page.title() == folder.name
    page.locator("summary").first.click()
    traceback = page.locator("details pre").first
    traceback.wait_for()
    assert HOSTILE in traceback.text_content()
    assert page.locator("img, iframe, object, embed, link").count() == 0
    assert page.locator("script").count() == 3


def test_the_policy_stops_a_script_that_got_in(browser, folder, tmp_path):
    text = (folder / "report.html").read_text(encoding="utf-8")
    path = tmp_path / "with.html"
    added = "<img src='https://example.org/x.png'><script>window.hacked = 1</script></main>"
    path.write_text(text.replace("</main>", added), encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    assert page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in message for message in said) == 2
    page.close()


def test_several_sweeps_side_by_side(opened, folder, tmp_path):
    other = write(tmp_path / "other", sampled(30, seed=1), seed=1)
    path = compare.write([find(folder), find(other)], tmp_path / "comparison.html")
    page = opened(path, size="phone", scheme="dark")
    assert page.locator("#best-by-time .scatterlayer .trace").count() == 2
    legend = page.locator("#best-by-time .legendtext")
    assert legend.all_text_contents() == [folder.name, "other"]
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES["phone"][0]
