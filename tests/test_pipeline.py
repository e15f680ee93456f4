"""`fit`: the whole story on real data."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis import priors_of
from bayesgmm.chosen_fit import choose_fit
from bayesgmm.errors import CollapseWarning, InputError
from bayesgmm.story import tell
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


SETTINGS = {"covariance_type": "full", "random_state": 1}


def test_bic_counts_no_groups_without_spread():
    """Two galaxies have a variance."""
    X = check_table(bg.datasets.load("galaxies").round(3))
    em, selection = choose_fit(X, list(range(1, 7)), SETTINGS)
    assert selection["bic"].idxmin() == 6
    assert em.n_components == 3
    assert selection["em"][[3, 6]].tolist() == ["converged", "spurious"]


def test_one_group_is_explained_where_all_others_collapse():
    """Rounded eruptions have no spread within a minute."""
    X = check_table(bg.datasets.load("faithful").round(0))
    with pytest.warns(CollapseWarning) as warned:
        em, selection = choose_fit(X, [1, 2, 3], SETTINGS)
    assert em.n_components == 1
    assert selection["em"].tolist() == ["converged", "collapsed", "collapsed"]
    (text,) = (str(each.message) for each in warned)
    assert "One component was chosen because in every fit of 2 to 3" in text
    share = (X.values[:, 0] == 4).mean()
    assert f"the same value (eruptions is 4 in {share:.0%})" in text
    regular, selection = choose_fit(X, [1, 2, 3], SETTINGS | {"prior": "default"})
    assert regular.n_components == 3
    assert set(selection["em"]) == {"converged"}


def test_a_fit_without_a_maximum_gets_a_prior_and_says_so():
    """Also the posterior, whose density has no maximum under the default either."""
    X = np.vstack([bg.datasets.load("faithful"), [[60.0, 900.0]]])
    with pytest.warns(
        CollapseWarning, match="With 3 .* EM found no maximum of the"
    ) as w:
        analysis = bg.fit(
            X,
            3,
            draws=50,
            chains=2,
            method="gibbs",
            n_refits=1,
            random_seed=1,
            progress=False,
        )
    assert [str(each.message).split(". ")[-1] for each in w] == [
        "Look at the largest values, and fit logarithms of skewed columns."
    ]
    assert analysis.em.status_.name == "CONVERGED"
    assert analysis.settings["prior"] == analysis.em.prior == "default"
    settings = analysis.settings | {"method": "nuts"}
    assert "InverseWishart" in str(priors_of(analysis.data, analysis.em, settings))
    assert "prior='default'" in tell(analysis).command


def test_rows_with_gaps_are_used(tmp_path):
    """Every number of the story is there, and comes back from the folder."""
    X = bg.datasets.load("faithful")
    X.iloc[5:40, 1] = np.nan
    with pytest.raises(InputError, match='or pass `missing="fiml"`'):
        bg.fit(X, 2)
    analysis = bg.fit(
        X,
        2,
        missing="fiml",
        method="gibbs",
        draws=50,
        chains=2,
        n_refits=1,
        random_seed=1,
        progress=False,
    )
    em = bg.GaussianMixture(2, missing="fiml", random_state=1).fit(X)
    assert analysis.em.log_likelihood_ == pytest.approx(em.log_likelihood_)
    assert analysis.check.notna().all(axis=None)
    assert len(analysis.comparison.observations) == 272
    back = bg.Analysis.load(analysis.save(tmp_path / "out"))
    assert str(back) == str(analysis)


def test_too_many_groups_are_refused_before_fewer_are_fitted(monkeypatch):
    monkeypatch.setattr("bayesgmm.fitting.run_through", None)  # calling it would fail
    with pytest.raises(InputError, match="at least 273 rows"):
        bg.fit(bg.datasets.load("faithful"), [2, 273], progress=False)
