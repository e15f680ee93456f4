"""Simulation-based calibration: a truth has a uniform rank among draws given its data.

Parameters are drawn from the prior, data given them, and draws from the posterior of
these data. If the sampler is right, the rank of any number of the truth among those of
the draws is uniform, whatever the prior and the number of rows. Talts, Betancourt,
Simpson, Vehtari, Gelman (2018), *Validating Bayesian inference algorithms with
simulation-based calibration*, arXiv:1804.06788.
"""

import numpy as np
from judging import fill_absent, joints
from scipy import stats
from scipy.special import logsumexp

FALSE_ALARM = 1e-4
"""Of one calibration, all its numbers together."""

N_REPLICATES = 500
N_DRAWS = 63
"""Of one posterior; ranks are 0 to 63."""
N_BINS = 16


def draw_rows(rng, truth, n_rows):
    """Draw observations and their labels from one mixture."""
    weights, means, covariances = (
        truth[name] for name in ("weights", "means", "covariances")
    )
    labels = rng.choice(len(weights), n_rows, p=weights / weights.sum())
    lower = np.linalg.cholesky(covariances)[labels]
    noise = rng.normal(size=(n_rows, means.shape[1], 1))
    return means[labels] + (lower @ noise)[..., 0], labels


def invariants(X, values):
    """Return numbers that know no labels, of draws with a leading axis.

    Two rows together, a density and a likelihood are of the model as a whole; they see
    what each parameter alone does not show.
    """
    weights, means, covariances = (
        values[name] for name in ("weights", "means", "covariances")
    )
    means, covariances = fill_absent(weights, means, covariances)
    parts = weights[None], means[None], covariances[None]
    logs = joints(X, *parts)[0]
    rows = logsumexp(logs, axis=-1)
    shares = np.exp(logs - rows[..., None])
    point = np.zeros((1, X.shape[1]))
    found = {
        "squared weights": (weights**2).sum(-1),
        "largest weight": weights.max(-1),
        "overall mean": (weights[..., None] * means).sum(-2)[..., 0],
        "largest mean": np.where(weights > 0, means[..., 0], -np.inf).max(-1),
        "within": np.einsum("tk,tkii->t", weights, covariances),
        "log density at a point": logsumexp(joints(point, *parts)[0, :, 0], axis=-1),
        "log likelihood": rows.sum(-1),
        "two rows together": (shares[:, 0] * shares[:, 1]).sum(-1),
    }
    for name in ("n_components", "n_filled", "concentration"):
        if name in values:
            found[name] = values[name]
    for name in ("means_spread", "covariances_scale"):
        if name in values:
            found[name] = values[name].reshape(len(weights), -1)[:, 0]
    return found


def rank(rng, truth, drawn):
    """Return how many draws are below the truth; ties are broken at random."""
    below, equal = (drawn < truth).sum(), (drawn == truth).sum()
    return int(below + rng.integers(equal + 1))


def ranks_of(simulate, sample, n_replicates=N_REPLICATES):
    """Return the ranks of every invariant, an array of replicates by name.

    Parameters
    ----------
    simulate : function
        ``simulate(rng) -> (truth, X)``, parameters with a leading axis of one draw.
    sample : function
        ``sample(X, seed) -> draws`` of the posterior, `N_DRAWS` nearly independent
        ones.
    """
    found = []
    for seed in range(n_replicates):
        rng = np.random.default_rng([seed, 7])
        truth, X = simulate(rng)
        drawn, true = invariants(X, sample(X, seed)), invariants(X, truth)
        found.append({name: rank(rng, true[name][0], drawn[name]) for name in true})
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def p_values(ranks):
    """Return the chi-square test of uniform ranks, by name."""
    bins = {name: x * N_BINS // (N_DRAWS + 1) for name, x in ranks.items()}
    counts = {name: np.bincount(x, minlength=N_BINS) for name, x in bins.items()}
    return {name: float(stats.chisquare(x).pvalue) for name, x in counts.items()}


def assert_calibrated(ranks):
    """All ranks uniform, at a false-alarm rate of `FALSE_ALARM` (Bonferroni)."""
    found = p_values(ranks)
    assert min(found.values()) > FALSE_ALARM / len(found), found
