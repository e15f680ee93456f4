"""Exact posterior draws of tiny one-dimensional mixtures, by enumeration.

Nothing here uses the package.
"""

from itertools import product

import numpy as np
from scipy.special import gammaln, logsumexp


def _updated(y, prior):
    """Return location, shrinkage, degrees and scale of a component that owns `y`."""
    m0, kappa0 = prior["m0"][0], prior["kappa0"]
    n, kappa = len(y), kappa0 + len(y)
    mean = y.mean() if n else m0
    scatter = ((y - mean) ** 2).sum() + kappa0 * n / kappa * (mean - m0) ** 2
    location = (kappa0 * m0 + n * mean) / kappa
    return location, kappa, prior["nu0"] + n, prior["S0"][0][0] + scatter


def _log_marginal(y, prior):
    """Return the log marginal likelihood of the rows of one component."""
    _, kappa, nu, scale = _updated(y, prior)
    nu0, scale0 = prior["nu0"], prior["S0"][0][0]
    return (
        gammaln(nu / 2)
        - gammaln(nu0 / 2)
        + nu0 / 2 * np.log(scale0)
        - nu / 2 * np.log(scale)
        + 0.5 * np.log(prior["kappa0"] / kappa)
        - len(y) / 2 * np.log(np.pi)
    )


class Enumerated:
    """All allocations of a few rows with their posterior probabilities."""

    def __init__(self, y, n_components, concentration, prior):
        self.y, self.n_components = np.ravel(y), n_components
        self.concentration, self.prior = concentration, prior
        n = len(self.y)
        self.labels = np.array(list(product(range(n_components), repeat=n)))
        total = n_components * concentration
        constant = gammaln(total) - gammaln(n + total)
        marginal = {
            members: _log_marginal(self.y[list(members)], prior)
            for r in range(1 << n)
            for members in [tuple(i for i in range(n) if r >> i & 1)]
        }
        logs = np.full(len(self.labels), constant)
        for a, labels in enumerate(self.labels):
            for k in range(n_components):
                members = tuple(np.flatnonzero(labels == k))
                logs[a] += gammaln(concentration + len(members)) + marginal[members]
        logs -= n_components * gammaln(concentration)
        self.log_evidence = logsumexp(logs)
        self.probabilities = np.exp(logs - self.log_evidence)

    def draws(self, n_draws, rng):
        """Return independent draws: weights, means and covariances."""
        picked = rng.choice(len(self.labels), n_draws, p=self.probabilities)
        shape = (n_draws, self.n_components)
        weights, means, variances = np.empty(shape), np.empty(shape), np.empty(shape)
        for t, labels in enumerate(self.labels[picked]):
            counts = np.bincount(labels, minlength=self.n_components)
            weights[t] = rng.dirichlet(self.concentration + counts)
            for k in range(self.n_components):
                at, kappa, nu, scale = _updated(self.y[labels == k], self.prior)
                variances[t, k] = scale / rng.chisquare(nu)
                means[t, k] = rng.normal(at, np.sqrt(variances[t, k] / kappa))
        return weights, means[..., None], variances[..., None, None]


def gibbs_independent(y, n_components, prior, n_chains, n_draws, rng, warmup=300):
    """Sample chains side by side: means and variances of independent priors.

    `prior` is the mean and variance of the means, the shape and scale of the variances;
    weights are Dirichlet(1). Arrays are (n_chains, n_draws, n_components).
    """
    location, spread, shape, scale = prior
    k, size = np.arange(n_components), (n_chains, n_components)
    labels = np.searchsorted(np.quantile(y, k[1:] / n_components), y)
    labels = np.repeat(labels[None], n_chains, axis=0)
    variances = np.full(size, y.var() / n_components**2)
    draws = []
    for sweep in range(warmup + n_draws):
        mine = labels[..., None] == k
        counts = mine.sum(1)
        gammas = rng.standard_gamma(1.0 + counts)
        weights = gammas / gammas.sum(1, keepdims=True)
        precision = 1 / spread + counts / variances
        centre = (
            location / spread + (mine * y[:, None]).sum(1) / variances
        ) / precision
        means = centre + rng.normal(size=size) / np.sqrt(precision)
        squares = (mine * (y[:, None] - means[:, None]) ** 2).sum(1)
        variances = (scale + squares / 2) / rng.standard_gamma(shape + counts / 2)
        shift = (y[:, None] - means[:, None]) ** 2 / variances[:, None]
        logs = np.log(weights)[:, None] - np.log(variances)[:, None] / 2 - shift / 2
        labels = (logs + rng.gumbel(size=logs.shape)).argmax(2)
        if sweep >= warmup:
            draws.append((weights, means, variances))
    return [np.stack(part, axis=1) for part in zip(*draws, strict=True)]
