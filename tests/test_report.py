"""The story of an analysis: its numbers, its page and its files."""

import os
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_analysis
from rich.console import Console

from bayesgmm import GaussianMixture, datasets
from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.diagnose import diagnose
from bayesgmm.errors import InputError
from bayesgmm.files import read_saved, save_analysis
from bayesgmm.naming import format_estimate, format_number, format_share, parameter_name
from bayesgmm.parameters import MixtureParameters
from bayesgmm.readers import read_table
from bayesgmm.report import _table, summary_text, write_report
from bayesgmm.story import TONES, tell
from bayesgmm.validation import check_table
from bayesgmm.verdict import Verdict

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def analysis():
    return made_up_analysis(datasets.load("faithful"), faithful_parameters())


@pytest.fixture(scope="module")
def page(analysis, tmp_path_factory):
    path = write_report(analysis, tmp_path_factory.mktemp("page") / "report.html")
    return path.read_text(encoding="utf-8")


class TestStory:
    def test_groups_are_in_the_units_of_the_data(self, analysis):
        shown = tell(analysis).groups
        mean, lower, upper = map(
            float, re.findall(r"[\d.]+", shown.loc["mean of waiting", "group 1"])
        )
        found = analysis.profile.table.loc[(1, "mean", "waiting")]
        assert [mean, lower, upper] == pytest.approx(found.iloc[[0, 2, 3]], abs=0.005)
        assert list(shown.index[:3]) == [
            "share of rows",
            "mean of eruptions",
            "sd of eruptions",
        ]

    def test_portraits_say_how_large_a_group_is_and_where_it_is_apart(self, analysis):
        """The long eruptions: 64% of 272 rows, and both means above the average."""
        said = tell(analysis).portraits["group 1"]
        assert 60 < float(re.match(r"(\d+)% of all rows \[", said)[1]) < 68
        count = int((analysis.membership["label"] == 1).sum())
        assert f"the likeliest group of {count} of these." in said
        X, names = analysis.data.values, ("eruptions", "waiting")
        label = analysis.membership["label"].values
        gap = X[label == 1].mean(axis=0) - X[label == 0].mean(axis=0)
        gaps = gap / X.std(axis=0)
        for name, gap in zip(names, gaps, strict=True):
            found = re.search(rf"(?i)higher {name} \(\+([\d.]+) sd\)", said)
            assert float(found[1]) == pytest.approx(gap, abs=0.1)
        assert "lower waiting (-" in tell(analysis).portraits["group 0"].lower()

    def test_contrasts_are_differences_of_the_groups(self, analysis):
        shown = tell(analysis).contrasts
        assert shown.index.tolist() == ["group 0 less group 1"]
        number = float(shown.loc["group 0 less group 1", "waiting"].split()[0])
        assert number == pytest.approx(54.48 - 79.97, abs=0.5)

    def test_a_group_that_refits_lose_is_named(self, analysis):
        story = tell(analysis)
        assert any("similarity below 0.75): group 1." in x for x in story.steadiness)
        assert any(
            x == "Between chains the index is at least 0.96." for x in story.steadiness
        )
        assert story.stability.loc["group 1", "lost"] == "40.0%"

    def test_what_the_model_does_not_make_is_marked(self, analysis):
        check = analysis.check.copy()
        check["p"] = 0.4
        check.loc[("waiting", "kurtosis"), "p"] = 0.995
        changed = SimpleNamespace(**vars(analysis) | {"check": check})
        story = tell(changed)
        assert "In 1 of 11 checks of the model the data" in story.misfit
        assert story.misfit in story.headlines
        assert story.predictive.loc["kurtosis of waiting", "p"] == "0.995 !"
        assert "!" not in story.predictive.loc["lowest of waiting", "p"]

    def test_comparison_has_every_parameter(self, analysis):
        shown = tell(analysis).comparison
        assert len(shown) == len(analysis.comparison.table) == 12
        assert shown.loc["group 1: mean of waiting", "EM"] == "79.97"

    def test_doubtful_rows_come_least_certain_first(self, analysis):
        shown = tell(analysis).doubtful
        best = analysis.membership["probability"].max("component").values
        assert shown.index[0] == str(best.argmin())
        percent = [float(text.rstrip("%")) for text in shown["probability"]]
        assert percent == sorted(percent)
        row = datasets.load("faithful").iloc[int(best.argmin())]
        assert float(shown["waiting"].iloc[0]) == row["waiting"]

    def test_certainty_counts_rows(self, analysis):
        best = analysis.membership["probability"].max("component").values
        assert f" {(best < 0.9).sum()} of 272 rows" in tell(analysis).certainty

    def test_checks_give_the_worst_of_each_kind(self, analysis):
        checks = tell(analysis).checks
        assert checks.loc["log likelihood", "R-hat"] == "1.001"
        assert checks.loc["relabelled weights, the worst", "R-hat"] == "1.013"
        assert checks.loc["relabelled weights, the worst", "bulk ESS"] == "1,203"

    def test_command_gives_the_same_again(self, analysis):
        expected = "bayesgmm.fit(X, n_components=2, draws=100, random_seed=1)"
        assert tell(analysis).command == expected

    def test_a_rough_approximation_is_called_so_everywhere(self, analysis, tmp_path):
        """On the console as on the page, with the number and what to do."""
        draws = analysis.posterior.copy()
        draws["posterior"].attrs |= {"approximate": 1, "pareto_k": 0.9}
        diagnosis = diagnose(draws, X=analysis.data)
        rough = SimpleNamespace(**vars(analysis) | {"diagnosis": diagnosis})
        page = write_report(rough, tmp_path / "report.html").read_text("utf-8")
        for text in (summary_text(rough), page):
            words = " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())
            assert "The draws are rough: Pareto k-hat is 0.90" in words
            assert "compare with NUTS" in words

    def test_every_verdict_has_a_tone(self):
        assert set(TONES) == set(Verdict)


class TestNaming:
    @pytest.mark.parametrize(
        ("value", "spread", "text"),
        [
            (54.748, 0.7, "54.75"),
            (54.748, 12.0, "55"),
            (1234567.8, 1500.0, "1,234,568"),
            (0.000123456, 0.0000021, "0.0001235"),
            (0.0, 0.0000021, "0.0000000"),
            (1.23456e-10, 2.1e-12, "1.235e-10"),
            (2.5, 0.0, "2.5"),
            (float("nan"), 1.0, "—"),
        ],
    )
    def test_numbers_have_as_many_digits_as_are_known(self, value, spread, text):
        assert format_number(value, spread) == text

    def test_estimate(self):
        assert format_estimate(54.748, 0.7, 53.6, 55.9) == "54.75 [53.60, 55.90]"

    @pytest.mark.parametrize(
        ("probability", "text"),
        [(1.0, "100.0%"), (0.99996, "99.9%"), (0.5, "50.0%"), (0.0, "0.0%")],
    )
    def test_only_certainty_is_a_hundred_percent(self, probability, text):
        assert format_share(probability) == text

    @pytest.mark.parametrize(
        ("index", "name"),
        [
            (("weights", 0, "", ""), "group 0: weight"),
            (("standard_deviations", 1, "age", ""), "group 1: sd of age"),
            (("correlations", 2, "a", "b"), "group 2: correlation of a, b"),
            (("means", 0, "x0", float("nan")), "group 0: mean of x0"),
        ],
    )
    def test_parameters(self, index, name):
        assert parameter_name(index) == name


class TestText:
    def test_text_tells_verdict_groups_and_comparison(self, analysis):
        text = summary_text(analysis)
        assert "2 groups in 272 rows of eruptions, waiting" in text
        assert "Chains agree" in text
        assert tell(analysis).groups.loc["mean of waiting", "group 1"] in text
        assert "EM against the posterior" in text

    def test_text_is_text_in_a_notebook_too(self, analysis, monkeypatch):
        expected = summary_text(analysis)
        monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
        assert summary_text(analysis) == expected

    def test_a_title_wider_than_its_table_is_one_line(self):
        stream = StringIO()
        frame = pd.DataFrame({"group 0": ["1"]}, ["share"])
        Console(file=stream, width=80).print(_table(frame, "A title wider than it"))
        assert stream.getvalue().startswith("A title wider than it\n")

    def test_unstable_groups_are_no_good_news(self, analysis):
        """The verdict is good, and one group of the made-up stability is lost."""
        assert tell(analysis).tone == "careful"
        groups = analysis.stability.groups.assign(similarity=0.9)
        stable = replace(analysis.stability, groups=groups)
        calm = SimpleNamespace(**vars(analysis) | {"stability": stable})
        assert tell(calm).tone == "good"

    def test_text_has_no_escapes_and_fits_a_page(self, analysis):
        lines = summary_text(analysis).splitlines()
        assert max(map(len, lines)) <= 88
        assert not any("\x1b" in line for line in lines)

    def test_brackets_in_names_are_not_markup(self):
        X = datasets.load("faithful").rename(columns={"waiting": "[red]waiting[/]"})
        parameters = faithful_parameters()
        named = replace(parameters, feature_names=tuple(X.columns))
        assert "mean of [red]waiting[/]" in summary_text(made_up_analysis(X, named))


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


def screenshot(page, folder, dark=False):
    """Open a page in a browser; return its picture and what the console says."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    picture = folder / "page.png"
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-background-networking", "--disable-sync"),
        *("--enable-logging=stderr", "--v=0"),
        *("--window-size=900,1200", f"--screenshot={picture}"),
        f"--user-data-dir={folder / 'profile'}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
        (folder / "report.html").as_uri(),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    return picture, done.stderr.decode(errors="replace")


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

    def test_one_feature_gets_a_density(self, tmp_path):
        parameters = MixtureParameters(
            np.array([0.6, 0.4]),
            np.array([[4.3], [6.2]]),
            np.array([[[0.14]], [[0.27]]]),
            "full",
            ("log_acidity",),
        )
        analysis = made_up_analysis(datasets.load("acidity"), parameters)
        text = write_report(analysis, tmp_path / "report.html").read_text()
        assert "Density of the data" in text

    def test_names_of_features_are_escaped(self, tmp_path):
        X = datasets.load("faithful").rename(columns={"waiting": "<b>&waiting"})
        named = replace(faithful_parameters(), feature_names=tuple(X.columns))
        path = write_report(made_up_analysis(X, named), tmp_path / "report.html")
        text = path.read_text()
        assert "<b>&waiting" not in text
        assert "&lt;b&gt;&amp;waiting" in text

    def test_selection_is_shown_if_there_was_one(self, analysis, tmp_path):
        analysis.selection = pd.DataFrame(
            {"bic": [2607.1234, 2322.2]}, index=pd.Index([1, 2], name="n_components")
        )
        text = write_report(analysis, tmp_path / "report.html").read_text()
        analysis.selection = None
        assert "How many groups" in text
        assert "2,607.1" in text

    def test_browsers_are_told_to_load_nothing(self, page):
        """Whatever a page tries to load under this policy is an error in the log."""
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page

    @pytest.mark.skipif(CHROMIUM is None, reason="needs the chromium browser")
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_renders_in_a_browser(self, page, tmp_path, dark):
        picture, log = screenshot(page, tmp_path, dark)
        from matplotlib.image import imread

        pixels = imread(picture)[..., :3]
        ground = np.median(pixels.reshape(-1, 3), axis=0)
        assert (ground < 0.2).all() if dark else (ground > 0.95).all()
        assert pixels.std() > 0.05
        assert "CONSOLE" not in log

    @pytest.mark.skipif(CHROMIUM is None, reason="needs the chromium browser")
    def test_the_log_would_tell_of_requests(self, page, tmp_path):
        asking = page.replace("<h1>", '<img src="http://localhost:9/x.png"><h1>')
        _, log = screenshot(asking, tmp_path)
        assert "CONSOLE" in log


class TestFiles:
    def test_a_folder_holds_the_results(self, analysis, tmp_path):
        folder = save_analysis(analysis, tmp_path / "deep" / "out")
        names = {path.name for path in folder.iterdir()}
        assert names == {
            "report.html",
            "posterior.nc",
            "em.json",
            "membership.csv",
            "groups.csv",
            "analysis.json",
        }

    def test_draws_come_back(self, analysis, tmp_path):
        folder = save_analysis(analysis, tmp_path)
        with xr.open_datatree(folder / "posterior.nc", engine="h5netcdf") as back:
            xr.testing.assert_equal(back.load(), analysis.posterior)

    def test_em_comes_back(self, analysis, tmp_path):
        folder = save_analysis(analysis, tmp_path)
        em = GaussianMixture.load(folder / "em.json")
        assert em.log_likelihood_ == -1130.264
        back = em.parameters_
        np.testing.assert_array_equal(back.means, [[2.036, 54.48], [4.290, 79.97]])
        assert back.feature_names == ("eruptions", "waiting")

    def test_membership_is_one_row_an_observation(self, analysis, tmp_path):
        folder = save_analysis(analysis, tmp_path)
        back = pd.read_csv(folder / "membership.csv", index_col="obs_id")
        assert len(back) == 272
        np.testing.assert_allclose(back["probability_0"] + back["probability_1"], 1)
        np.testing.assert_array_equal(back["label"], analysis.membership["label"])

    def test_nothing_is_left_half_written(self, tmp_path):
        target = tmp_path / "result.txt"
        target.write_text("old")
        with pytest.raises(UnicodeEncodeError), replacing(target) as beside:
            beside.write_text("half, then \ud800", encoding="utf-8")
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]

    def test_new_files_have_the_usual_permissions(self, tmp_path):
        (tmp_path / "plain").write_text("")
        with replacing(tmp_path / "ours") as beside:
            beside.write_text("")
        modes = {stat.S_IMODE(os.stat(tmp_path / f).st_mode) for f in ("plain", "ours")}
        assert len(modes) == 1

    def test_a_folder_that_cannot_be_written_to_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="be a folder that can be written to"):
            check_writable_folder(tmp_path / "file")
        with pytest.raises(InputError, match="Choose another folder"):
            check_writable_folder(tmp_path / "file" / "below")


class TestTables:
    def test_csv_and_parquet_hold_the_same(self, tmp_path):
        X = datasets.load("iris")
        X.to_csv(tmp_path / "iris.csv", index=False)
        X.to_parquet(tmp_path / "iris.parquet")
        pd.testing.assert_frame_equal(read_table(tmp_path / "iris.csv"), X)
        pd.testing.assert_frame_equal(read_table(tmp_path / "iris.parquet"), X)

    def test_columns_are_chosen_in_the_order_asked_for(self, tmp_path):
        (tmp_path / "t.csv").write_text("a,b,name\n1,2,x\n3,4,y\n")
        chosen = read_table(tmp_path / "t.csv", ["b", "a"])
        assert chosen.columns.tolist() == ["b", "a"]

    @pytest.mark.parametrize(
        ("name", "content", "columns", "message"),
        [
            ("t.csv", None, None, "be a file that exists"),
            ("t.csv", "", None, "an empty file"),
            ("t.csv", "a,b\n", None, "no rows in"),
            ("t.csv", "a,n\n1,x\n", None, "text in column 'n'. Choose others with"),
            ("t.csv", "a;b\n1;2\n", None, "not separated by commas"),
            ("t.csv", "a,b\n1,2\n", ["aa"], "Did you mean 'a'"),
            ("t.csv", "a,b\n1,2,3\n4,5\n6,7,8,9\n", None, "be a readable .csv file"),
            ("t.csv", "a;b\n1,5;2,5\n3,5;4,5\n", None, "more numbers in a line"),
            ("t.csv", "a\n1,5\n2,5\n", None, "decimals by points"),
            ("t.csv", ",a\n0,5\n1,6\n", None, "Save the table without its row numbers"),
            ("t.csv", "1.5,1.5,,0\n3,4,5,6\n", None, "got numbers (1.5, 1.5, 0)"),
            ("t.csv", "1,2\n3,4\n5,6\n", None, "Add a first line with names"),
            ("t.parquet", "nonsense", None, "be a readable .parquet file"),
            ("t.xlsx", "nonsense", None, "Save the table as CSV or Parquet"),
        ],
    )
    def test_what_cannot_be_used_is_refused(
        self, tmp_path, name, content, columns, message
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=re.escape(message)):
            read_table(tmp_path / name, columns)


class TestReadAgain:
    """The parts of a saved analysis that do not follow from its draws."""

    def test_everything_comes_back(self, analysis, tmp_path):
        selection = pd.DataFrame({"bic": [1.5, 2.5]}, pd.Index([1, 2], name="k"))
        frame = pd.DataFrame({"log": np.log(analysis.data.values[:, 1])})
        whole = SimpleNamespace(
            **vars(analysis) | {"selection": selection, "described": check_table(frame)}
        )
        saved = read_saved(save_analysis(whole, tmp_path))
        pd.testing.assert_frame_equal(saved.selection, selection)
        assert saved.described["log"].tolist() == frame["log"].tolist()
        assert saved.described.index.tolist() == list(range(272))
        assert saved.settings == analysis.settings
        assert saved.random_seed == 1
        assert str(saved.stability) == str(analysis.stability)
        pd.testing.assert_frame_equal(saved.stability.chains, analysis.stability.chains)
        xr.testing.assert_equal(saved.posterior, analysis.posterior)

    def test_an_old_description_does_not_stay(self, analysis, tmp_path):
        (tmp_path / "described.parquet").write_text("old")
        assert read_saved(save_analysis(analysis, tmp_path)).described is None

    def test_what_is_no_analysis_is_refused(self, analysis, tmp_path):
        with pytest.raises(InputError, match=r"without em\.json"):
            read_saved(tmp_path / "nowhere")
        save_analysis(analysis, tmp_path)
        (tmp_path / "analysis.json").write_text("{}")
        with pytest.raises(InputError, match="where something is wrong"):
            read_saved(tmp_path)
        (tmp_path / "analysis.json").unlink()
        with pytest.raises(InputError, match=r"without analysis\.json"):
            read_saved(tmp_path)
