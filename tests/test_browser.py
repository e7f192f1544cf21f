"""Reports in a browser, at the width of a desk and of a phone; where there is no Chromium the tests are skipped."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_fakes as fakes

from neuromanifold import report

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'neuromanifold[test]'")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver (apt install chromium chromium-driver)"
)
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
NASTY = "</script><script>document.title = 'broken'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for template in ("circle", "torus", "undecided"):
        names = [NASTY, *(f"u{i}" for i in range(16))]
        content = report.compose(
            fakes.analysis(template, names=names), title=NASTY, variable="head_direction", methods=NASTY
        )
        found[template] = folder / f"{template}.html"
        report.write(found[template], content)
    return found


def show(browser: Any, page: Path, width: str, *, dark: bool = False) -> None:
    w, h = WIDTHS[width]
    metrics = {"width": w, "height": h, "deviceScaleFactor": 1, "mobile": width == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    browser.get_log("performance")
    browser.get(page.as_uri())
    # Two frames: a canvas draws in the one after it was measured.
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done));")


def requested(browser: Any) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def drawn(browser: Any) -> np.ndarray:
    """Alpha of the first canvas."""
    data = browser.execute_script(
        "const c = document.querySelector('canvas');"
        "return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 3))"
    )
    return np.array(data)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("template", ["circle", "torus", "undecided"])
def test_a_page_is_whole_quiet_and_alone(browser, pages, template, width):
    show(browser, pages[template], width)
    assert browser.get_log("browser") == []
    assert {url.split(":")[0] for url in requested(browser)} <= {"file", "data"}
    assert browser.title.startswith("</script>")
    wide = WIDTHS[width][0]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= wide
    loaded = browser.execute_script("return [...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert loaded
    assert all(loaded)
    size = "const r = document.querySelector('figure').getBoundingClientRect(); return [r.left, r.right, r.height]"
    left, right, height = browser.execute_script(size)
    assert left >= 0
    assert right <= wide
    assert height > 150


@pytest.mark.parametrize("template", ["circle", "torus"])
def test_the_manifold_turns_by_hand_and_by_keys(browser, pages, template):
    show(browser, pages[template], "desk")
    first = drawn(browser)
    assert 0.01 < (first > 0).mean() < 0.9
    canvas = browser.find_element("css selector", "canvas")
    webdriver.ActionChains(browser).drag_and_drop_by_offset(canvas, 60, 30).pause(0.1).perform()
    second = drawn(browser)
    assert (first != second).mean() > 0.005
    canvas.send_keys(webdriver.Keys.HOME)
    webdriver.ActionChains(browser).pause(0.1).perform()
    np.testing.assert_array_equal(drawn(browser), first)
    assert len(canvas.get_attribute("aria-label")) > 40
    chooser = browser.find_element("css selector", "select")
    assert "angle" in chooser.text


def test_in_the_dark_text_is_light_and_figures_keep_their_paper(browser, pages):
    show(browser, pages["circle"], "desk", dark=True)
    style = "const s = getComputedStyle(document.querySelector(arguments[0])); return [s.color, s.backgroundColor]"
    ink, _ = browser.execute_script(style, "body")
    _, paper = browser.execute_script(style, ".sheet")
    assert min(_channels(ink)) > 180
    assert min(_channels(paper)) > 180


def test_paper_shows_everything(browser, pages):
    show(browser, pages["circle"], "desk")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return [...document.querySelectorAll('details')].every(d => d.open)")
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not browser.execute_script("return [...document.querySelectorAll('details')].some(d => d.open)")
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 20_000


def _channels(colour: str) -> list[int]:
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
