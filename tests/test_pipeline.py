"""`fit`: the whole story on real data."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.pipeline import _fit_em
from bayesgmm.validation import check_table


@pytest.fixture(scope="module")
def analysis():
    X = bg.datasets.load("faithful")
    return bg.fit(
        X, n_components=range(1, 4), n_refits=2, random_seed=1, progress=False
    )


def test_bic_of_two_groups_is_mclusts(analysis):
    """2 l - 11 log n of mclust's converged VVV fit, with scikit-learn's sign."""
    expected = 2 * 1130.26396 + 11 * np.log(272)
    assert list(analysis.selection.index) == [1, 2, 3]
    assert analysis.selection["bic"][2] == pytest.approx(expected, abs=1e-3)
    assert analysis.selection["bic"].idxmin() == analysis.em.n_components == 2


def test_text_tells_the_verdict_and_the_groups(analysis):
    text = str(analysis)
    assert text.startswith("2 groups in 272 rows of eruptions, waiting")
    assert "Chains agree" in text
    assert "EM against the posterior" in text


def test_files_hold_what_was_computed(analysis, tmp_path):
    folder = analysis.save(tmp_path / "out")
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "posterior.nc", "em.json", "membership.csv"} < names
    with xr.open_datatree(folder / "posterior.nc", engine="h5netcdf") as tree:
        saved = tree["posterior"]["means"].load()
    np.testing.assert_array_equal(saved, analysis.posterior["posterior"]["means"])
    em = bg.GaussianMixture.load(folder / "em.json")
    np.testing.assert_array_equal(em.means_, analysis.em.means_)
    assert em.log_likelihood_ == analysis.em.log_likelihood_
    members = pd.read_csv(folder / "membership.csv", index_col=0)
    assert len(members) == 272
    np.testing.assert_allclose(
        members["probability_0"], analysis.membership["probability"].sel(component=0)
    )


def test_an_analysis_is_read_again(analysis, tmp_path):
    """All that it tells is the same, but for the rounding of files."""
    back = bg.Analysis.load(analysis.save(tmp_path / "out"))
    assert str(back) == str(analysis)
    assert back.data.feature_names == ("eruptions", "waiting")
    pd.testing.assert_frame_equal(back.profile.table, analysis.profile.table)
    pd.testing.assert_frame_equal(back.selection, analysis.selection)
    assert str(back.priors) == str(analysis.priors)
    back.report(tmp_path / "again.html")
    pages = [tmp_path / "again.html", tmp_path / "out" / "report.html"]
    one, other = (page.read_text("utf-8") for page in pages)
    assert one == other


def test_groups_are_described_by_other_columns(tmp_path):
    """Waiting in hours is a sixtieth of waiting in minutes, group by group."""
    X = bg.datasets.load("faithful")
    few = {"method": "gibbs", "draws": 50, "chains": 2, "n_refits": 0}
    hours = X[["waiting"]] / 60
    other = bg.fit(X, 2, describe=hours, random_seed=1, progress=False, **few)
    assert other.stability is None
    found = other.profile.table.xs("waiting", level="column")
    minutes = bg.profile(other.posterior, X, population=True, random_seed=1)
    expected = minutes.table.xs("waiting", level="column") / 60
    pd.testing.assert_frame_equal(found, expected)
    assert "describe=columns" in other.report(tmp_path / "r.html").read_text("utf-8")
    back = bg.Analysis.load(other.save(tmp_path / "out"))
    pd.testing.assert_frame_equal(back.profile.table, other.profile.table)


def test_other_rows_to_describe_are_refused_before_anything_is_computed():
    X = bg.datasets.load("faithful")
    with pytest.raises(InputError, match="`describe` must have the rows of the"):
        bg.fit(X, 2, describe=X.iloc[:9])


def test_posterior_agrees_with_em_on_old_faithful(analysis):
    assert analysis.comparison.agreement == 1.0
    assert analysis.comparison.table["standardised_difference"].abs().max() < 0.5
    assert analysis.diagnosis.n_divergences == 0


def test_same_seed_same_story(analysis):
    again = bg.fit(
        bg.datasets.load("faithful"),
        n_components=2,
        n_refits=0,
        random_seed=1,
        progress=False,
    )
    one, other = (x.posterior["posterior"].to_dataset() for x in (analysis, again))
    assert one.equals(other)


def test_another_sampler_tells_the_same_story(analysis):
    """Its priors are its own; of 272 rows they hardly matter."""
    X = bg.datasets.load("faithful")
    gibbs = bg.fit(X, 2, method="gibbs", n_refits=0, random_seed=1, progress=False)
    assert "InverseWishart" in str(gibbs.priors)
    means = [x.posterior["posterior"]["means"] for x in (analysis, gibbs)]
    gap = means[1].mean(["chain", "draw"]) - means[0].mean(["chain", "draw"])
    assert (np.abs(gap) < 0.25 * means[0].std(["chain", "draw"])).all()
    assert gibbs.settings["method"] == "gibbs"


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (
            "telescoping",
            "`method` must sample a known number of components; got 'telescoping'. "
            "Call `bayesgmm.sample(X, method='telescoping')` for an unknown number.",
        ),
        ("gips", "`method` must be a known name; got 'gips'. Did you mean 'gibbs'?"),
    ],
)
def test_other_methods_are_refused_before_anything_is_computed(method, text):
    with pytest.raises(InputError) as refused:
        bg.fit(bg.datasets.load("faithful"), 2, method=method)
    assert str(refused.value).startswith(text)


@pytest.mark.parametrize(
    ("n_components", "text"),
    [
        ([], "`n_components` must name a number; got none. For example `range(1, 7)`."),
        (
            "two",
            "`n_components` must be a whole number of 1 or more; got 'two'. "
            "For example `n_components=2`.",
        ),
    ],
)
def test_bad_numbers_of_components_are_refused(n_components, text):
    with pytest.raises(InputError) as refused:
        bg.fit(np.zeros((5, 2)) + np.arange(10).reshape(5, 2), n_components)
    assert str(refused.value) == text


@pytest.mark.filterwarnings("ignore:All 10 runs collapsed")
@pytest.mark.parametrize(
    ("name", "decimals", "n_components", "ends"),
    [
        ("galaxies", 3, 3, {3: "converged", 6: "spurious"}),
        ("faithful", 0, 1, {1: "converged", 2: "collapsed", 6: "collapsed"}),
    ],
)
def test_bic_counts_no_groups_without_spread(name, decimals, n_components, ends):
    """Two galaxies have a variance, and rounded eruptions have none within a minute."""
    X = check_table(bg.datasets.load(name).round(decimals))
    em, selection = _fit_em(X, list(range(1, 7)), "full", seed=1)
    assert selection["bic"].idxmin() == 6
    assert em.n_components == n_components
    assert selection["em"][list(ends)].to_dict() == ends


@pytest.mark.filterwarnings("ignore:All 10 runs collapsed")
def test_a_collapsed_start_still_has_a_story():
    X = np.vstack([bg.datasets.load("faithful"), [[60.0, 900.0]]])
    analysis = bg.fit(
        X, 3, draws=50, chains=2, n_refits=1, random_seed=1, progress=False
    )
    assert analysis.em.status_.name == "COLLAPSED"
    assert str(analysis).startswith("3 groups in 273 rows")
    assert "no EM restart converged" in str(analysis.diagnosis)


def test_too_many_groups_are_refused_before_fewer_are_fitted(monkeypatch):
    monkeypatch.setattr("bayesgmm.fitting.run_through", None)  # calling it would fail
    with pytest.raises(InputError, match="at least 273 rows"):
        bg.fit(bg.datasets.load("faithful"), [2, 273], progress=False)
