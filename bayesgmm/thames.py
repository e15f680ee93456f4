"""The evidence by THAMES: a harmonic mean within an ellipsoid of high density."""

import numpy as np
from scipy.special import gammaln

from bayesgmm.monte_carlo import Estimate, effective_size
from bayesgmm.symmetry import FlatPosterior

LEVEL = 0.5
"""The share of draws that are of higher density than the rim of the set."""

POINTS_PER_DRAW = 8
"""Uniform points: the share of them in the set is the larger part of the error."""


def thames(fit: FlatPosterior, use: FlatPosterior, rng) -> Estimate:
    """Estimate the log of the integral of a density from draws of it alone.

    Parameters
    ----------
    fit, use : FlatPosterior
        Halves of the draws, of which one says where densities are high.
    rng : numpy.random.Generator

    Notes
    -----
    ``1 / evidence = E[1_A(u) / (volume(A) density(u))]`` for any set A [1]_. Here A is
    an ellipsoid of radius sqrt(n_free + 1) around the mean, where moreover the density
    is above its median, as in [2]_: the harmonic mean is bounded then, whatever the
    shape of the posterior. The volume is that of the ellipsoid times the share of
    uniform points in it that are dense enough. As the density is the same in all orders
    of the components, a draw counts by the share of its orders within the ellipsoid.

    References
    ----------
    .. [1] M. Metodiev, M. Perrot-Dockes, S. Ouadah, N. J. Irons, P. Latouche, A. E.
       Raftery (2024), *Easily computed marginal likelihoods from posterior simulation
       using the THAMES estimator*, Bayesian Analysis.
    .. [2] M. Metodiev, N. J. Irons, M. Perrot-Dockes, P. Latouche, A. E. Raftery
       (2025), *Easily computed marginal likelihoods for multivariate mixture models
       using the THAMES estimator*, arXiv 2504.21812.
    """
    d, (centre, whiten) = use.n_free, fit.standardise()
    level = np.quantile(fit.log_densities, LEVEL)
    n = POINTS_PER_DRAW * use.log_densities.size
    dense = fit.density.log_density(_in_ellipsoid(centre, whiten, n, rng)) > level
    share = max(dense.mean(), 1.0 / n)
    log_volume = 0.5 * d * np.log(np.pi * (d + 1)) - gammaln(0.5 * d + 1)
    log_volume += np.log(share) - np.linalg.slogdet(whiten)[1]

    flat = use.draws.reshape(-1, d)
    within = [
        (((x - centre) @ whiten) ** 2).sum(axis=1) < d + 1 for x in use.reorder(flat)
    ]
    inside = np.mean(within, axis=0).reshape(use.log_densities.shape)
    terms = inside * (use.log_densities > level)
    terms *= np.exp(level - use.log_densities)
    if not terms.any():
        return Estimate(np.nan, np.inf)
    variance = (1.0 - share) / (share * n)
    variance += terms.var() / terms.mean() ** 2 / effective_size(terms)
    log_evidence = level + log_volume - np.log(terms.mean())
    return Estimate(float(log_evidence), float(np.sqrt(variance)))


def _in_ellipsoid(centre, whiten, n, rng):
    """Draw uniformly from the ellipsoid of radius sqrt(n_free + 1)."""
    d = len(centre)
    directions = rng.standard_normal((n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    white = directions * (np.sqrt(d + 1) * rng.random((n, 1)) ** (1 / d))
    return centre + np.linalg.solve(whiten.T, white.T).T
