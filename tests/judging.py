"""How draws of a posterior are compared with exact answers."""

import numpy as np
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from bayesgmm.priors import InverseWishart, Priors, ScaledNormalMeans


def ess(x):
    """Return the effective number of draws of the mean, x of shape (chain, draw)."""
    return array_stats.ess(x, chain_axis=0, draw_axis=1, method="mean")


def z_score(x, exact):
    return (x.mean() - exact) / (x.std() / np.sqrt(ess(x)))


def read(posterior):
    group = posterior["posterior"]
    return [group[name].values for name in ("weights", "means", "covariances")]


def joints(X, weights, means, covariances):
    """Return log p(x, k) of every draw, chain x draw x row x component."""
    gaps = X[:, None] - means[:, :, None]  # chain draw row component feature
    precisions = np.linalg.inv(covariances)
    squares = np.einsum("cdnki,cdkij,cdnkj->cdnk", gaps, precisions, gaps)
    logs = np.linalg.slogdet(2 * np.pi * covariances)[1]
    with np.errstate(divide="ignore"):  # places without a component
        return (np.log(weights) - 0.5 * logs)[:, :, None] - 0.5 * squares


def together(X, weights, means, covariances):
    """Return p(same component) of pairs of rows, chain x draw x row x row."""
    logs = joints(X, weights, means, covariances)
    r = np.exp(logs - logsumexp(logs, axis=-1, keepdims=True))
    return np.einsum("cdnk,cdmk->cdnm", r, r)


def assert_similarity(pairs, exact):
    """Judge as the reference says: 0.005 and 4 standard errors of a share."""
    for i, j in zip(*np.triu_indices(len(exact), 1), strict=True):
        p, x = exact[i, j], pairs[:, :, i, j]
        assert abs(x.mean() - p) < 0.005 + 4 * np.sqrt(max(p * (1 - p), 0) / ess(x))


def conjugate_priors(case, weights, sizes=None):
    prior = case["prior"]
    means = ScaledNormalMeans(np.array(prior["m0"]), prior["kappa0"])
    covariances = InverseWishart(prior["nu0"], np.array(prior["S0"]))
    names = tuple(f"x{j}" for j in range(len(prior["m0"])))
    return Priors(weights, means, covariances, names, sizes)


def fill_absent(weights, means, covariances):
    """Give places without a component any parameters: their weight is zero."""
    absent = np.isnan(means[..., 0])
    assert (weights[absent] == 0).all()
    assert (weights[~absent] > 0).all()
    one = np.eye(means.shape[-1])
    return (
        np.where(absent[..., None], 0.0, means),
        np.where(absent[..., None, None], one, covariances),
    )
