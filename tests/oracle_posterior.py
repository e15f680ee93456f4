"""Exact posteriors of tiny mixtures, by enumeration.

Nothing here uses the package. Components are conjugate: means given covariances are
normal around ``m0`` with ``kappa0`` rows' worth of precision, and covariances are
inverse-Wishart with ``nu0`` and ``S0``. Where features are independent, each variance
is inverse-gamma with ``nu0 / 2`` and half its diagonal entry, or half the mean of these
if there is one variance for all.
"""

from itertools import product

import numpy as np
from scipy.special import gammaln, logsumexp, multigammaln


def covariances_as_blocks(matrices, family):
    """Return the free blocks (..., block, p, p) of scatters, summed over features."""
    if family in ("full", "tied"):
        return matrices[..., None, :, :]
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    if family in ("spherical", "EII"):
        diagonal = diagonal.sum(-1, keepdims=True)
    return diagonal[..., None, None]


def prior_blocks(prior, family):
    """Return the scales of the free blocks, and what a row adds to their degrees."""
    scale, d = np.array(prior["S0"]), len(prior["m0"])
    blocks = covariances_as_blocks(scale, family)
    one_for_all = family in ("spherical", "EII")
    return (blocks / d, d) if one_for_all else (blocks, 1)


def _log_constant(degrees, blocks):
    """Return the log of what inverse-Wishart densities of blocks are divided by."""
    p = blocks.shape[-1]
    logs = (
        multigammaln(degrees / 2, p)[..., None] + p * np.log(2) / 2 * degrees[..., None]
    )
    return (logs - degrees[..., None] / 2 * np.linalg.slogdet(blocks)[1]).sum(-1)


def _moments(X, labels, n_components, prior):
    """Return counts, locations, shrinkages and scatters of all allocations."""
    kappa0, m0 = prior["kappa0"], np.array(prior["m0"])
    member = (labels[:, :, None] == np.arange(n_components)).astype(float)
    counts = member.sum(1)
    gaps = X - m0  # around the prior location the shrinkage term is a simple one
    sums = np.einsum("ank,nd->akd", member, gaps)
    squares = np.einsum("ank,nd,ne->akde", member, gaps, gaps)
    kappa = kappa0 + counts
    scatters = squares - sums[..., None] * sums[..., None, :] / kappa[..., None, None]
    return counts, m0 + sums / kappa[..., None], kappa, scatters


def log_joints(X, labels, n_components, concentration, prior, family="full"):
    """Return log p(data, allocation) of allocations (n_allocations, n_rows)."""
    n, d = X.shape
    counts, _, kappa, scatters = _moments(X, labels, n_components, prior)
    total = n_components * concentration
    logs = gammaln(concentration + counts).sum(1) - gammaln(n + total)
    logs += gammaln(total) - n_components * gammaln(concentration)
    logs += d / 2 * np.log(prior["kappa0"] / kappa).sum(1) - n * d / 2 * np.log(
        2 * np.pi
    )
    if family in ("tied", "EEI", "EII"):
        counts, scatters = counts.sum(1, keepdims=True), scatters.sum(1, keepdims=True)
    scale, per_row = prior_blocks(prior, family)
    before = _log_constant(np.array(prior["nu0"], dtype=float), scale)
    after = _log_constant(
        prior["nu0"] + per_row * counts,
        scale + covariances_as_blocks(scatters, family),
    )
    return logs + (after - before).sum(1)


class Enumerated:
    """All allocations of a few rows with their posterior probabilities."""

    def __init__(self, X, n_components, concentration, prior, family="full"):
        self.X, self.n_components = np.array(X, dtype=float), n_components
        self.settings = n_components, concentration, prior, family
        self.labels = np.array(list(product(range(n_components), repeat=len(self.X))))
        logs = log_joints(self.X, self.labels, *self.settings)
        self.log_evidence = logsumexp(logs)
        self.probabilities = np.exp(logs - self.log_evidence)

    @property
    def similarity(self):
        """The probability that two rows are of one component."""
        same = self.labels[:, :, None] == self.labels[:, None]
        return np.einsum("a,anm->nm", self.probabilities, same)

    @property
    def filled(self):
        """The probabilities of 1, 2, ... components that have rows."""
        used = (self.labels[..., None] == np.arange(self.n_components)).any(1).sum(1)
        sizes = np.bincount(used, self.probabilities, self.n_components + 1)
        return sizes[1:]

    @property
    def mean_squared_weights(self):
        """The posterior mean of the sum of squared weights."""
        k, concentration = self.settings[:2]
        member = self.labels[..., None] == np.arange(k)
        a, total = concentration + member.sum(1), k * concentration + len(self.X)
        return self.probabilities @ (a * (a + 1)).sum(1) / (total * (total + 1))

    def log_density(self, x):
        """Return the log predictive density of a new row: a ratio of evidences."""
        return Enumerated(np.vstack([self.X, x]), *self.settings).log_evidence - (
            self.log_evidence
        )

    def leave_one_out(self):
        """Return the log predictive density of each row, given the others."""
        rest = [np.delete(self.X, n, axis=0) for n in range(len(self.X))]
        without = [Enumerated(X, *self.settings).log_evidence for X in rest]
        return self.log_evidence - np.array(without)

    def draws(self, n_draws, rng):
        """Return independent draws of one feature: weights, means and covariances."""
        k, concentration, prior, _ = self.settings
        picked = rng.choice(len(self.labels), n_draws, p=self.probabilities)
        counts, at, kappa, scatters = _moments(self.X, self.labels[picked], k, prior)
        gammas = rng.gamma(concentration + counts)
        scale = prior["S0"][0][0] + scatters[..., 0, 0]
        variances = scale / rng.chisquare(prior["nu0"] + counts)
        means = rng.normal(at[..., 0], np.sqrt(variances / kappa))
        weights = gammas / gammas.sum(1, keepdims=True)
        return weights, means[..., None], variances[..., None, None]


# How families share covariances: log p(rows | allocation) but for common constants. A
# component has its rows' scatter and count; those that share a covariance add these.


def _log_gamma_ratio(d, nu, n):
    """Return the log ratio of multivariate gamma functions of (nu + n) / 2, nu / 2."""
    i = np.arange(d)
    return (gammaln((nu + n - i) / 2) - gammaln((nu - i) / 2)).sum()


def _matrix(scatter, n, nu, scale):
    """One inverse-Wishart covariance for n rows."""
    before, after = np.linalg.slogdet(scale)[1], np.linalg.slogdet(scale + scatter)[1]
    ratio = _log_gamma_ratio(len(scale), nu, n)
    return ratio + nu / 2 * before - (nu + n) / 2 * after


def _axes(scatter, n, nu, scale):
    """A variance for every feature."""
    pairs = zip(np.diag(scatter), np.diag(scale), strict=True)
    return sum(_matrix(np.array([[s]]), n, nu, np.array([[S]])) for s, S in pairs)


def _ball(scatter, n, nu, scale):
    """One variance for all features."""
    mean = np.array([[np.trace(scale) / len(scale)]])
    return _matrix(np.array([[np.trace(scatter)]]), n * len(scale), nu, mean)


FAMILIES = {
    "full": (_matrix, False),
    "tied": (_matrix, True),
    "diag": (_axes, False),
    "spherical": (_ball, False),
}


def log_evidence(X, n_components, concentration, prior, family):
    """Return log p(X), summed over all allocations of the rows.

    `prior` is location, shrinkage, degrees of freedom and scale.
    """
    marginal, shared = FAMILIES[family]
    location, shrinkage, nu, scale = prior
    (n, d), k, a = X.shape, n_components, concentration
    logs = []
    for labels in product(range(k), repeat=n):
        members = [X[np.array(labels) == j] for j in range(k)]
        counts = np.array([len(rows) for rows in members])
        total = gammaln(k * a) - gammaln(n + k * a)
        total += (gammaln(a + counts) - gammaln(a)).sum()
        total += d / 2 * np.log(shrinkage / (shrinkage + counts)).sum()
        parts = [_scatter(rows, location, shrinkage) for rows in members]
        if shared:
            total += marginal(sum(parts), n, nu, scale)
        else:
            pairs = zip(parts, counts, strict=True)
            total += sum(marginal(part, m, nu, scale) for part, m in pairs)
        logs.append(total)
    return logsumexp(logs) - n * d / 2 * np.log(np.pi)


def _scatter(rows, location, shrinkage):
    if not len(rows):
        return np.zeros((rows.shape[1], rows.shape[1]))
    mean = rows.mean(0)
    centred, shift = rows - mean, mean - location
    m = len(rows)
    return centred.T @ centred + shrinkage * m / (shrinkage + m) * np.outer(
        shift, shift
    )
