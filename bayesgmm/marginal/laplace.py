"""Draws about the mode: the Laplace approximation, with heavier tails."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.mode import find_mode
from bayesgmm.progress import announce
from bayesgmm.sampled import Settings

# Posteriors have heavier tails than normal distributions: a log-scale known from few
# rows has those of a logistic. Weights stay bounded under a t-distribution.
DEGREES_OF_FREEDOM = 10.0
# Per draw, so that resampling seldom takes one twice.
PROPOSALS = 4


def sample_laplace(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Draw from the t-distribution that touches the posterior at its mode.

    Where Pareto's k says that weights mend it, draws are resampled by their weights.
    Of lazy rows the mode is sought on the few that stand for them, if there are any;
    the weights are of all rows, by one pass.

    References
    ----------
    .. [1] L. Tierney, J. B. Kadane (1986), *Accurate approximations for posterior
       moments and marginal densities*, JASA 81:82-86.
    """
    with announce("Compiling the log-posterior", settings.progress):
        log_posterior = flat.log_posterior(settings.stand_in)
    begun = time.perf_counter()
    rng = np.random.default_rng([settings.seed, 0])
    mode = find_mode(log_posterior, flat.start)
    n = PROPOSALS * settings.draws * settings.chains
    z, log_q = standard_t(rng, n, len(mode.centre))
    values = mode.centre + z @ mode.root.T
    n_kept = settings.draws * settings.chains
    every = flat.log_posteriors()
    return weighted_draws(values, log_q, every, begun, n_resampled=n_kept)


def standard_t(rng, n: int, n_dimensions: int) -> tuple[Floats, Floats]:
    """Draw from a multivariate t; return log-densities too, up to a constant."""
    nu = DEGREES_OF_FREEDOM
    normal = rng.standard_normal((n, n_dimensions))
    z = normal * np.sqrt(nu / rng.chisquare(nu, n))[:, None]
    return z, -0.5 * (nu + n_dimensions) * np.log1p((z**2).sum(axis=1) / nu)


def weighted_draws(
    values: Floats,
    log_q: Floats,
    log_posteriors: Callable[[Floats], Iterable[float]],
    begun: float,
    interrupted: bool = False,
    n_resampled: int | None = None,
) -> FlatDraws:
    """Give independent draws of an approximation what their weights are made of.

    Parameters
    ----------
    values : array of shape (n_draws, n_dimensions)
    log_q : array of shape (n_draws,)
        Log-density of the approximation at the draws, up to a constant.
    log_posteriors : function
        Of a model; see `FlatModel.log_posteriors`.
    begun : float
        When sampling began, by `time.perf_counter`.
    interrupted, n_resampled
        As in `Sampled`.

    Returns
    -------
    FlatDraws
        As one chain: several chains of independent draws would say nothing.
    """
    lp, done = np.full(len(values), -np.inf), 0
    try:
        for each in log_posteriors(values):
            lp[done] = each
            done += 1
    except KeyboardInterrupt:
        interrupted = True
    lp = np.where(np.isnan(lp), -np.inf, lp)[:done]
    if n_resampled is not None:  # of fewer draws, as many fewer
        n_resampled = n_resampled * done // len(values)
    return FlatDraws(
        values[None, :done],
        {"lp": lp[None], "log_q": log_q[None, :done]},
        time.perf_counter() - begun,
        attrs={"approximate": 1},
        interrupted=interrupted,
        n_resampled=n_resampled,
    )
