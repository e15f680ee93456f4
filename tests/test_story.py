"""What an analysis tells: its sentences and tables, and how numbers are written."""

import re
from copy import copy
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_up import faithful_analysis, faithful_parameters, made_up_analysis
from rich.console import Console

from bayesgmm import datasets, report
from bayesgmm.diagnose import diagnose
from bayesgmm.em import Status
from bayesgmm.naming import format_estimate, format_number, format_share, parameter_name
from bayesgmm.parameters import MixtureParameters
from bayesgmm.report import _table, summary_text, write_report
from bayesgmm.story import TONES, tell
from bayesgmm.story_checks import say_choice, say_trouble, write_checks
from bayesgmm.verdict import Verdict


@pytest.fixture(scope="module")
def analysis():
    return faithful_analysis()


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
        assert 60 < float(re.match(r"([\d.]+)% \[", said)[1]) < 68
        count = int((analysis.membership["label"] == 1).sum())
        assert f"the likeliest group of {count}." in said
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
        assert shown.columns.tolist() == ["group 0 less group 1"]
        number = float(shown.loc["waiting", "group 0 less group 1"].split()[0])
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
        assert "(kurtosis of waiting)" in story.misfit
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
        shares = shown["probability [90% interval]"]
        percent = [float(text.split("%")[0].strip("<>")) for text in shares]
        assert percent == sorted(percent)
        row = datasets.load("faithful").iloc[int(best.argmin())]
        assert float(shown["waiting"].iloc[0]) == row["waiting"]

    def test_certainty_counts_rows(self, analysis):
        best = analysis.membership["probability"].max("component").values
        assert f" {(best < 0.9).sum()} of 272 rows" in tell(analysis).certainty

    def test_checks_give_the_worst_of_each_kind(self, analysis):
        checks = tell(analysis).checks
        assert checks.loc["log-likelihood", "R-hat"] == "1.001"
        assert checks.loc["relabelled weights, the worst of 2", "R-hat"] == "1.013"
        assert checks.loc["relabelled weights, the worst of 2", "bulk ESS"] == "1,203"

    def test_checks_of_one_kind_are_one_row(self):
        """Sorted weights and landmarks differ by a place, parameters by theirs."""
        names = ["lp", "sorted weight 0", "sorted weight 1", "log density at my row 7"]
        names += ["log density at 9"]
        worst = {
            "r_hat": [np.nan, 1.0, 1.02, 1.0, 1.01],
            "ess_bulk": 5.0,
            "ess_tail": 4.0,
        }
        parameters = pd.DataFrame(worst, names).iloc[:0]
        diagnosis = SimpleNamespace(
            invariants=pd.DataFrame(worst, names), parameters=parameters
        )
        shown = write_checks(diagnosis)["R-hat"].to_dict()
        assert shown == {
            "log-posterior": "—",
            "sorted weight, the worst of 2": "1.020",
            "log density, the worst of 2": "1.010",
        }

    def test_the_choice_says_how_clear_it_is(self, analysis):
        """The BIC of three is lowest, but it has a group of too few rows."""
        table = pd.DataFrame({"bic": [90.0, 80.0, 75.5]}, pd.Index([1, 2, 3]))
        assert say_choice(table, 3) == "The BIC is lowest for 3: 4.5 below that for 2."
        said = say_choice(table, 2)
        assert said.startswith("The BIC is lowest for 3, but a component of that fit")
        assert said.endswith("Of the other fits, that of 2 has the lowest.")
        assert tell(analysis).choice is None

    def test_a_fit_that_failed_is_told_of_first(self, analysis):
        em = copy(analysis.em)
        em.status_ = Status.COLLAPSED
        story = tell(SimpleNamespace(**vars(analysis) | {"em": em}))
        assert story.headlines[0] == f"EM: {Status.COLLAPSED.value}"
        optima = analysis.diagnosis.optima.assign(spurious=True)
        assert say_trouble(analysis.em, optima) == [
            "EM: a component rests on too few rows to be a group."
        ]
        assert say_trouble(analysis.em, analysis.diagnosis.optima) == []

    def test_a_single_group_is_compared_with_nothing(self):
        parameters = MixtureParameters(
            np.array([1.0]), np.array([[5.1]]), np.array([[[1.0]]]), "full", ("acid",)
        )
        X = datasets.load("acidity").set_axis(["acid"], axis=1)
        single = made_up_analysis(X, parameters)
        story = tell(single)
        assert story.portraits == {"group 0": "All 155 rows."}
        assert len(story.headlines) == 1
        assert "same group" not in summary_text(single)

    def test_command_gives_the_same_again(self, analysis):
        expected = "bayesgmm.fit(X, n_components=2, draws=100, random_seed=1)"
        assert tell(analysis).command == expected

    def test_a_rough_approximation_is_called_so_everywhere(
        self, analysis, tmp_path, monkeypatch
    ):
        """On the console as on the page, with the number and what to do."""
        draws = analysis.posterior.copy()
        draws["posterior"].attrs |= {"approximate": 1, "pareto_k": 0.9}
        diagnosis = diagnose(draws, X=analysis.data)
        rough = SimpleNamespace(**vars(analysis) | {"diagnosis": diagnosis})
        monkeypatch.setattr(report, "_pictures", lambda _: {})
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
        [
            (1.0, "100.0%"),
            (0.99996, ">99.9%"),
            (0.5, "50.0%"),
            (2e-5, "<0.1%"),
            (0.0, "0.0%"),
            (float("nan"), "—"),
        ],
    )
    def test_only_all_is_a_hundred_percent_and_nothing_is_none(self, probability, text):
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

    def test_whatever_is_not_good_takes_the_good_tone_away(self, analysis):
        """One group of the made-up stability is lost; the verdict is good."""
        groups = analysis.stability.groups.assign(similarity=0.9)
        stable = replace(analysis.stability, groups=groups)
        good = {"stability": stable, "check": analysis.check.assign(p=0.4)}
        failed = copy(analysis.em)
        failed.status_ = Status.ITERATION_LIMIT
        bad = {
            "stability": analysis.stability,
            "check": analysis.check.assign(p=0.001),
            "em": failed,
        }
        tones = [
            tell(SimpleNamespace(**vars(analysis) | good | change)).tone
            for change in ({}, *({name: x} for name, x in bad.items()))
        ]
        assert tones == ["good", "careful", "careful", "careful"]

    def test_text_has_no_escapes_and_fits_a_page(self, analysis):
        lines = summary_text(analysis).splitlines()
        assert max(map(len, lines)) <= 88
        assert not any("\x1b" in line for line in lines)

    def test_brackets_in_names_are_not_markup(self):
        X = datasets.load("faithful").rename(columns={"waiting": "[red]waiting[/]"})
        parameters = faithful_parameters()
        named = replace(parameters, feature_names=tuple(X.columns))
        assert "mean of [red]waiting[/]" in summary_text(made_up_analysis(X, named))
