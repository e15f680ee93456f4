"""The page of an analysis, as text and in a browser."""

import re
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_up import faithful_analysis, made_up_analysis

from bayesgmm import datasets, report
from bayesgmm.parameters import MixtureParameters
from bayesgmm.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs the chromium browser")


@pytest.fixture(scope="module")
def analysis():
    return faithful_analysis()


@pytest.fixture(scope="module")
def page(analysis, tmp_path_factory):
    path = write_report(analysis, tmp_path_factory.mktemp("page") / "report.html")
    return path.read_text(encoding="utf-8")


class _Links(HTMLParser):
    """Collect what a browser would load."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [
            str(value) for name, value in attrs if name in {"src", "srcset", "data"}
        ]
        # `xlink:href` of <use> points into the page.
        self.found += [str(v) for n, v in attrs if n.endswith("href")]
        if tag in {"script", "link", "iframe", "object", "embed"}:
            self.found.append(tag)


def browse(folder, address, *options):
    """Open a page in a browser; return what it prints and what the console says."""
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-background-networking", "--disable-sync"),
        *("--enable-logging=stderr", "--v=0"),
        *(f"--user-data-dir={folder / 'profile'}", *options, address.as_uri()),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    return tuple(part.decode(errors="replace") for part in (done.stdout, done.stderr))


def screenshot(page, folder, dark=False):
    """Return a picture of a page and what the console says."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    picture = folder / "page.png"
    options = ["--window-size=900,1200", f"--screenshot={picture}"]
    options += ["--blink-settings=preferredColorScheme=0"] * dark
    return picture, browse(folder, folder / "report.html", *options)[1]


def overflow(page, folder, width):
    """Return by how many pixels a page is wider than a window of some width."""
    measure = """onload = () => {
        const page = document.querySelector("iframe").contentDocument.documentElement;
        document.title = `over ${page.scrollWidth - page.clientWidth}`;
    }"""
    frame = f'<iframe width="{width}" height="800" srcdoc="{escape(page)}"></iframe>'
    frame = f"<title></title><script>{measure}</script>{frame}"
    (folder / "frame.html").write_text(frame, encoding="utf-8")
    text, _ = browse(folder, folder / "frame.html", "--dump-dom")
    return int(re.findall(r"<title>over (\d+)</title>", text)[0])


class TestPage:
    def test_asks_the_network_for_nothing(self, page):
        links = _Links()
        links.feed(page)
        assert all(x.startswith(("#", "data:")) for x in links.found)
        urls = re.findall(r"url\(([^)]*)\)", page)
        assert all(url.strip("'\"").startswith(("#", "data:")) for url in urls)
        assert "@import" not in page

    def test_verdict_stands_before_everything_else(self, page):
        parts = ["Chains agree", "The groups", "EM against", "Who is", "Checks"]
        places = [page.index(part) for part in parts]
        assert places == sorted(places)

    def test_pictures_follow_the_colour_of_the_text(self, page):
        assert page.count("<svg") == 5
        assert "currentColor" in page
        assert "#010203" not in page

    def test_ids_in_pictures_do_not_name_groups(self, page):
        assert '<g id="' not in page

    def test_one_feature_gets_a_density_and_its_name_is_escaped(self, tmp_path):
        parameters = MixtureParameters(
            np.array([0.6, 0.4]),
            np.array([[4.3], [6.2]]),
            np.array([[[0.14]], [[0.27]]]),
            "full",
            ("<b>&acidity",),
        )
        X = datasets.load("acidity").set_axis(["<b>&acidity"], axis=1)
        analysis = made_up_analysis(X, parameters)
        text = write_report(analysis, tmp_path / "report.html").read_text("utf-8")
        assert "Density of the data" in text
        assert "<b>&acidity" not in text
        assert "&lt;b&gt;&amp;acidity" in text

    def test_selection_is_shown_if_there_was_one(self, analysis, tmp_path, monkeypatch):
        selection = pd.DataFrame(
            {"bic": [2607.1234, 2322.2]}, index=pd.Index([1, 2], name="n_components")
        )
        chosen = SimpleNamespace(**vars(analysis) | {"selection": selection})
        monkeypatch.setattr(report, "_pictures", lambda _: {})
        text = write_report(chosen, tmp_path / "report.html").read_text()
        assert "How many groups" in text
        assert "The BIC is lowest for 2: 284.9 below that for 1." in text
        assert "2,607.1" in text

    def test_limits_are_those_of_the_checks(self, analysis, tmp_path, monkeypatch):
        monkeypatch.setattr(report, "_pictures", lambda _: {})
        monkeypatch.setattr(report, "ODD", 0.02)
        text = write_report(analysis, tmp_path / "report.html").read_text("utf-8")
        assert "where it is below 0.02 or above 0.98" in text

    def test_browsers_are_told_to_load_nothing(self, page):
        """Whatever a page tries to load under this policy is an error in the log."""
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page

    @in_browser
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_renders_in_a_browser(self, page, tmp_path, dark):
        picture, log = screenshot(page, tmp_path, dark)
        from matplotlib.image import imread

        pixels = imread(picture)[..., :3]
        ground = np.median(pixels.reshape(-1, 3), axis=0)
        assert (ground < 0.2).all() if dark else (ground > 0.95).all()
        assert pixels.std() > 0.05
        assert "CONSOLE" not in log

    @in_browser
    def test_wide_tables_do_not_push_the_page_off_a_phone(self, page, tmp_path):
        assert overflow(page, tmp_path, 390) == 0
        pushed = page.replace(".wide { overflow-x: auto; }", "")
        assert overflow(pushed, tmp_path, 390) > 0

    @in_browser
    def test_the_log_would_tell_of_requests(self, page, tmp_path):
        asking = page.replace("<h1>", '<img src="http://localhost:9/x.png"><h1>')
        _, log = screenshot(asking, tmp_path)
        assert "CONSOLE" in log
