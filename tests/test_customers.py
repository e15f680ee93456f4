"""Customers of CDNOW, most of whom bought once: what is made of heavy ties."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.chosen_fit import choose_fit
from bayesgmm.errors import CollapseWarning
from bayesgmm.validation import check_table

CDNOW = Path(__file__).parents[1] / "notebooks" / "data" / "cdnow.csv"
SETTINGS = {"covariance_type": "full", "random_state": 1}


@pytest.fixture(scope="module")
def customers():
    return pd.read_csv(CDNOW, index_col="ID")


def test_a_group_without_spread_gets_a_prior_and_a_sentence(customers):
    """Those who never came back are one group exactly, whoever fits."""
    some = customers.head(500)
    share = (some["x"] == 0).mean()
    with pytest.warns(CollapseWarning) as warned:
        em, _ = choose_fit(check_table(some), [2], SETTINGS)
    (text,) = (str(each.message) for each in warned)
    assert text.startswith("With 2 components EM found no maximum of the likelihood")
    same = ", ".join(f"{name} is 0 in {share:.0%}" for name in ("x", "t_x", "zbar"))
    assert f"Set rows apart that have the same value ({same})" in text
    assert em.converged_
    assert em.weights_.max() == pytest.approx(share, abs=1e-4)
    np.testing.assert_array_equal(em.predict(some) == 0, some["x"] == 0)


@pytest.mark.slow
def test_all_rows_have_a_story_in_spite_of_ties(customers):
    with pytest.warns(CollapseWarning, match="`prior='default'`"):
        raw = bg.fit(
            customers, 2, method="gibbs", draws=200, random_seed=1, progress=False
        )
    share = (customers["x"] == 0).mean()
    weights = raw.posterior["posterior"]["weights"].mean(("chain", "draw")).values
    assert weights.max() == pytest.approx(share, abs=0.005)
    assert raw.check.loc[("zbar", "lowest"), "upper"] < 0


@pytest.mark.slow
def test_those_who_came_back_are_two_groups(customers):
    """The study of the notebook: prices of one CD, and everything else."""
    back = customers[customers["x"] > 0]
    silent = back["T"] - back["t_x"]
    recency = np.log((back["t_x"] + 0.5) / (silent + 0.5))
    measured = pd.DataFrame({"amount": np.log(back["zbar"]), "recency": recency})
    analysis = bg.fit(
        measured,
        range(1, 4),
        describe=back,
        method="gibbs",
        random_seed=1,
        progress=False,
    )
    em = analysis.em.parameters_
    assert em.n_components == 2
    parts = [
        weight * multivariate_normal(mean, covariance).pdf(measured)
        for weight, mean, covariance in zip(
            em.weights, em.means, em.covariances, strict=True
        )
    ]
    expected = np.log(np.sum(parts, axis=0)).sum()
    assert analysis.em.log_likelihood_ == pytest.approx(expected)
    table = analysis.profile.table.xs("mean", level="quantity")["mean"]
    assert 12 < table[1, "zbar"] < 16
    assert analysis.stability.lost == [1]
