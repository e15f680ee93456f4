"""What a posterior says of labels holds where truths are drawn from the prior.

Then any number that truth and data decide has its stated probability, however few the
rows. Components are put in the order of their first means, in truths and in draws.
"""

import numpy as np
import pytest
import synthetic
from calibration import draw_rows
from judging import joints

import bayesgmm as bg
from bayesgmm.covariances import covariance_family
from bayesgmm.gibbs import gibbs
from bayesgmm.priors import Dirichlet, InverseWishart, Priors, ScaledNormalMeans
from bayesgmm.sampled import Settings
from bayesgmm.target import make_target

N_ROWS, N_DRAWS, THIN = 30, 400, 5
MATRIX = np.array([[1.5, 0.5], [0.5, 1.0]])
PRIORS = Priors(
    Dirichlet(2.0),
    ScaledNormalMeans([0.5, -0.5], 0.1),
    InverseWishart(8.0, 2.0 * MATRIX),
    ("x0", "x1"),
)
WRONG = Priors(
    Dirichlet(2.0),
    ScaledNormalMeans([0.5, -0.5], 0.1),
    InverseWishart(8.0, 8.0 * MATRIX),
    ("x0", "x1"),
)


def in_order(values):
    """Sort components by their first mean; arrays have an axis of draws before."""
    order = values["means"][..., 0].argsort(axis=1)
    at = np.arange(len(order))[:, None]
    return [values[name][at, order] for name in ("weights", "means", "covariances")]


def one_sample(seed, priors):
    """Return what was found less what is true, of one truth and its rows."""
    rng = np.random.default_rng([seed, 11])
    drawn = PRIORS.draw(rng, 1, 2, covariance_family("full", 2))
    truth = in_order(drawn)
    names = ("weights", "means", "covariances")
    X, labels = draw_rows(
        rng, {name: x[0] for name, x in zip(names, truth, strict=True)}, N_ROWS
    )
    settings = Settings(N_DRAWS * THIN, 200, 1, 1, seed, False)
    groups = gibbs(make_target(X, 2, "full", priors=priors), settings).groups
    chain = in_order({k: x[0, ::THIN] for k, x in groups["posterior"].items()})
    posterior = synthetic.resolved(synthetic.tree(X, [chain], lp=False))
    return {
        **memberships(posterior, truth, X, labels),
        **profiles(posterior, X, labels),
    }


def memberships(posterior, truth, X, labels):
    logs = joints(X, *(part[None] for part in truth))[0, 0]
    p = 1 / (1 + np.exp(logs[:, 1] - logs[:, 0]))
    found = bg.membership(posterior)
    first = found.isel(component=0)
    inside = (first["probability_lower"] <= p) & (p <= first["probability_upper"])
    some = bg.confident_labels(found, error_rate=0.1)
    wrong = (some["label"].values != labels) & some["decided"].values
    expected = some.attrs["expected_error"] * some.attrs["n_decided"]
    assert some.attrs["expected_error"] <= 0.1
    return {
        "coverage": float(inside.mean()) - 0.9,
        "wrong labels": wrong.sum() - expected,
    }


def profiles(posterior, X, labels):
    """Sizes and sums of a feature: their errors, and squares less variances."""
    draws = bg.profile(posterior).draws.isel(component=0)
    size = draws["size"].values.ravel()
    total = np.nan_to_num(draws["mean"].values[..., 0]).ravel() * size
    mine = labels == 0
    found = {}
    for name, values, true in (
        ("size", size, mine.sum()),
        ("sum", total, X[mine, 0].sum()),
    ):
        error = values.mean() - true
        found |= {name: error, f"variance of {name}": values.var() - error**2}
    return found


def z_scores(n_samples, priors=PRIORS):
    found = [one_sample(seed, priors) for seed in range(n_samples)]
    columns = {name: np.array([one[name] for one in found]) for name in found[0]}
    return {
        name: float(x.mean() / (x.std() / np.sqrt(len(x))))
        for name, x in columns.items()
    }


@pytest.mark.slow
def test_intervals_errors_and_profiles_are_what_they_say():
    found = z_scores(400)
    # Six numbers at 4.5 standard errors: a false alarm of 4e-5.
    assert max(map(abs, found.values())) < 4.5, found


@pytest.mark.slow
def test_a_wrong_prior_is_seen():
    """Covariances believed to be four times as large."""
    found = z_scores(150, WRONG)
    assert min(abs(found["coverage"]), abs(found["wrong labels"])) > 4.5, found
