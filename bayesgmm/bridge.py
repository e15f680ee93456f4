"""The evidence by bridge sampling."""

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.estimator import GaussianMixture
from bayesgmm.kernels.reduce import log_likelihood_rows
from bayesgmm.monte_carlo import Estimate, effective_size
from bayesgmm.symmetry import FlatPosterior

N_PROPOSAL_COMPONENTS = 4
"""More shape, and as many more rows for EM to find it with."""

FIT_TOLERANCE = 1e-4
"""The proposal need not be the best of its size."""

TOLERANCE, MAX_ITER = 1e-10, 1000


def bridge(fit: FlatPosterior, use: FlatPosterior, rng) -> Estimate:
    """Estimate the log of the integral of a density by bridge sampling.

    Parameters
    ----------
    fit, use : FlatPosterior
        Halves of the draws. A Gaussian mixture is fitted to one by EM, and averaged
        over the orders of the components, as the density is the same in all of them;
        the other half and as many draws of this proposal are the banks of the bridge.
    rng : numpy.random.Generator

    Notes
    -----
    With w the density over the proposal, the iteration of [1]_ is

        r <- mean_q[w / (s w + (1 - s) r)] / mean_p[1 / (s w + (1 - s) r)],

    s the share of effective draws that are of the posterior. The variance is that of
    [2]_, with effective sizes for spectral densities.

    References
    ----------
    .. [1] X.-L. Meng and W. H. Wong (1996), *Simulating ratios of normalizing
       constants via a simple identity*, Statistica Sinica 6:831-860.
    .. [2] S. Fruehwirth-Schnatter (2004), *Estimating marginal likelihoods for mixture
       and Markov switching models using bridge sampling techniques*, Econometrics
       Journal 7:143-167.
    .. [3] Q. F. Gronau et al. (2017), *A tutorial on bridge sampling*, J. Math. Psych.
       81:80-97.
    """
    proposal = _Proposal(fit, rng)
    shape = use.draws.shape[:2]
    drawn = proposal.draw(use.draws[..., 0].size)
    at_posterior = use.log_densities.ravel() - proposal.log_density(
        use.draws.reshape(-1, use.n_free)
    )
    at_proposal = use.density.log_density(drawn) - proposal.log_density(drawn)
    return _cross(at_posterior.reshape(shape), at_proposal)


class _Proposal:
    """A Gaussian mixture in the shape of draws, averaged over orders of components."""

    def __init__(self, posterior: FlatPosterior, rng):
        self.posterior, self.rng = posterior, rng
        self.centre, self.whiten = posterior.standardise()
        flat = posterior.draws.reshape(-1, posterior.n_free)
        size = min(N_PROPOSAL_COMPONENTS, 1 + len(flat) // (20 * posterior.n_free))
        self.mixture = GaussianMixture(
            size,
            prior="default",
            tol=FIT_TOLERANCE,
            n_init=1,
            split_merge=False,
            random_state=int(rng.integers(2**31)),
        ).fit((flat - self.centre) @ self.whiten)
        self.log_volume = -np.linalg.slogdet(self.whiten)[1]

    def draw(self, n: int) -> Floats:
        white, _ = self.mixture.sample(n, int(self.rng.integers(2**31)))
        return self.centre + np.linalg.solve(self.whiten.T, np.asarray(white).T).T

    def log_density(self, flat: Floats) -> Floats:
        total = np.full(len(flat), -np.inf)
        quadratics = self.mixture.parameters_.quadratics
        for x in self.posterior.reorder(flat):
            white = (x - self.centre) @ self.whiten
            total = np.logaddexp(total, log_likelihood_rows(white, quadratics))
        return total - np.log(len(self.posterior.orders)) - self.log_volume


def _cross(at_posterior: Floats, at_proposal: Floats) -> Estimate:
    """Iterate from log-ratios at draws (n_chains, n_draws), and at those of q (n,)."""
    middle = np.median(at_posterior)
    p, q = at_posterior - middle, at_proposal - middle
    size = effective_size(p)
    log_s, log_rest = np.log([size / (size + len(q)), len(q) / (size + len(q))])
    r = 0.0
    for _ in range(MAX_ITER):
        last, r = (
            r,
            _log_mean(q - np.logaddexp(log_s + q, log_rest + r))
            - _log_mean(-np.logaddexp(log_s + p, log_rest + r)),
        )
        if abs(r - last) < TOLERANCE:
            break
    near = np.exp(-np.logaddexp(log_s + p - r, log_rest))
    far = np.exp(q - r - np.logaddexp(log_s + q - r, log_rest))
    variance = far.var() / far.mean() ** 2 / far.size
    variance += near.var() / near.mean() ** 2 / effective_size(near)
    return Estimate(float(r + middle), float(np.sqrt(variance)))


def _log_mean(logs: Floats) -> float:
    return np.logaddexp.reduce(logs, axis=None) - np.log(logs.size)
