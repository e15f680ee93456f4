"""Coordinate ascent variational Bayes, for conjugate priors."""

import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.initialise import kmeans_plusplus_labels, standardise, start_from_labels
from bayesgmm.kernels.reduce import (
    labels,
    log_likelihood_draws,
    log_likelihood_rows,
    one_pass,
)
from bayesgmm.priors import Dirichlet, InverseWishart, Priors, ScaledNormalMeans
from bayesgmm.priors.covariances import as_blocks, from_blocks
from bayesgmm.progress import announce
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.sampled import Sampled, Settings
from bayesgmm.target import Target, data_groups, names
from bayesgmm.variational import PARAMETERS, VARIATIONAL, Variational

# Of the bound, per observation. Rounding is about 1e-15 of it.
TOLERANCE = 1e-12
MAX_ITERATIONS = 10_000
# Random partitions to begin with, where no optima of EM are known.
N_STARTS = 10


class Ascent(NamedTuple):
    """One run, from one start.

    Attributes
    ----------
    fit : Variational
    bounds : tuple of float
        Lower bounds of the log marginal likelihood, after each step; the last is that
        of `fit`.
    converged : bool
    """

    fit: Variational
    bounds: tuple[float, ...]
    converged: bool


def sample_cavi(target: Target, settings: Settings) -> Sampled:
    """Fit a variational distribution and draw from it, as one chain.

    Parameters
    ----------
    target : Target
        With conjugate priors, ``kind="conjugate"``.
    settings : Settings
        There are ``draws * chains`` draws.

    Returns
    -------
    Sampled
        ``attrs["elbo"]`` is a lower bound of the log marginal likelihood, with all
        constants. The distribution is about one order of the components: where the
        prior knows none and components are apart, ``log K!`` more is a bound as well,
        and a closer one. It is not added. The group ``variational`` has what
        `Variational` is made of.

    Raises
    ------
    InputError
        If the priors are others.

    Warns
    -----
    ConvergenceWarning
        If the bound still rises after `MAX_ITERATIONS`.
    """
    start = time.perf_counter()
    prior = variational_prior(target)
    with announce("Fitting by variational Bayes", settings.progress):
        runs, interrupted = _ascents(target, prior, settings.seed)
    best = max(runs, key=lambda run: run.bounds[-1])
    if not best.converged:
        _warn(best)
    fit = align(best.fit, target)
    rng = np.random.default_rng([settings.seed, 0])
    values = fit.draw(rng, settings.draws * settings.chains)
    groups = {
        "posterior": values,
        "sample_stats": {
            "lp": _log_posterior(target, values),
            "log_q": fit.log_density(values),
        },
    }
    chain = {
        group: {name: array[None] for name, array in arrays.items()}
        for group, arrays in groups.items()
    }
    own = {name: getattr(fit, name) for name in PARAMETERS}
    coords, of_target = names(target, target.n_components)
    return Sampled(
        chain | {VARIATIONAL: own} | data_groups(target),
        coords,
        of_target | PARAMETERS,
        time.perf_counter() - start,
        interrupted=interrupted,
        attrs={
            "approximate": 1,
            "elbo": best.bounds[-1],
            "n_iterations": len(best.bounds),
            "covariance_type": target.covariance_type,
            "n_features": target.table.n_features,
        },
    )


# -- the prior ---------------------------------------------------------------------


def variational_prior(target: Target) -> Variational:
    """Return conjugate priors as what they become, other priors refused."""
    family = target.family
    weights, means, covariances = _conjugate_parts(target.priors)
    k, d = target.n_components, target.table.n_features
    scale = np.broadcast_to(covariances.scale, (k, d, d))
    return Variational(
        family,
        weights.concentrations(k),
        np.broadcast_to(means.location, (k, d)),
        np.full(k, float(means.shrinkage)),
        np.full(k, float(covariances.degrees_of_freedom)),
        from_blocks(as_blocks(scale, family), k, d),
    )


def _conjugate_parts(priors: Priors):
    """Return the three parts, refused unless rows alone can change their numbers."""
    parts = weights, means, covariances = (
        priors.weights,
        priors.means,
        priors.covariances,
    )
    if (
        isinstance(weights, Dirichlet)
        and weights.hyperprior is None
        and isinstance(means, ScaledNormalMeans)
        and isinstance(covariances, InverseWishart)
        and priors.n_components is None
    ):
        return weights, means, covariances
    got = ", ".join(type(part).__name__ for part in parts)
    got += ", of a concentration with a distribution" * (weights.hyperprior is not None)
    got += ", and a number of components that has one" * (
        priors.n_components is not None
    )
    raise InputError(
        "priors",
        "be Dirichlet, ScaledNormalMeans and InverseWishart for `method='cavi'`, with "
        "every number known",
        got,
        "Use `default_priors(X, n_components, kind='conjugate')`, or `method='nuts'`.",
    )


# -- the ascent --------------------------------------------------------------------


def ascend(target: Target, prior: Variational, start: Quadratics) -> Ascent:
    """Take turns between shares of rows and parameters until the bound stands still.

    The bound is ``sum_n log sum_k exp(E log_joint[n, k])`` less the divergence of the
    fit from the prior: what is left of it [1]_ when shares of rows are the best ones.

    Parameters
    ----------
    target : Target
    prior : Variational
    start : Quadratics
        Of a mixture whose shares of rows are the first.

    References
    ----------
    .. [1] C. M. Bishop (2006), *Pattern Recognition and Machine Learning*, eq. 10.70.
    """
    X, weight = target.table.values, target.sample_weight
    enough = TOLERANCE * (len(X) if weight is None else weight.sum())
    _, statistics = one_pass(X, start, sample_weight=weight)
    fit, bounds = prior.update(statistics, start.means), []
    while True:
        quadratics = fit.quadratics
        score, statistics = one_pass(X, quadratics, sample_weight=weight)
        bounds.append(score - fit.divergence(prior))
        converged = len(bounds) > 1 and bounds[-1] - bounds[-2] <= enough
        if converged or len(bounds) == MAX_ITERATIONS:
            return Ascent(fit, tuple(bounds), converged)
        fit = prior.update(statistics, quadratics.means)


def _ascents(target, prior, seed) -> tuple[list[Ascent], bool]:
    """Ascend from all starts, or from those that there is time for."""
    runs: list[Ascent] = []
    try:
        for start in _starts(target, seed):
            runs.append(ascend(target, prior, start))
    except KeyboardInterrupt:
        if not runs:
            raise
        return runs, True
    return runs, False


def _starts(target: Target, seed: int) -> Iterator[Quadratics]:
    """Yield the optima of EM or, where there are none, random partitions' mixtures."""
    if target.optima:
        yield from (optimum.quadratics for optimum in target.optima)
        return
    X, weight, k = target.table.values, target.sample_weight, target.n_components
    Z, *_ = standardise(X, weight)
    rng = np.random.RandomState(np.random.MT19937(seed))
    for _ in range(N_STARTS if k > 1 else 1):
        partition = kmeans_plusplus_labels(Z, k, rng, weight)
        yield start_from_labels(X, partition, k, target.family, weight).quadratics


def _warn(run: Ascent) -> None:
    gain = run.bounds[-1] - run.bounds[-2]
    warnings.warn(
        f"The variational bound still rose by {gain:.2g} nats a step after "
        f"{MAX_ITERATIONS} steps: the components overlap. Lower `n_components`.",
        ConvergenceWarning,
        stacklevel=5,
    )


# -- what is told of it ------------------------------------------------------------


def align(fit: Variational, target: Target) -> Variational:
    """Order components as EM has them, or by weight; not where the prior has an order.

    So relabelling, which asks on which rows components agree, finds all done.
    """
    if not target.priors.is_exchangeable:
        return fit
    if target.em is None:
        return fit.permute(np.argsort(-fit.concentration, kind="stable"))
    X, k = target.table.values, target.n_components
    cells = k * labels(X, target.em.quadratics) + labels(X, fit.quadratics)
    agreements = np.bincount(cells, minlength=k * k).reshape(k, k)
    return fit.permute(linear_sum_assignment(-agreements)[1])


def _log_posterior(target: Target, values: dict[str, Floats]) -> Floats:
    """Return the log of likelihood times prior under every draw."""
    whiteners = invert_cholesky(values["covariances"])
    quadratics = build_quadratics(values["weights"], values["means"], whiteners)
    X, weight = target.table.values, target.sample_weight
    if weight is None:
        total = log_likelihood_draws(X, quadratics)
    else:
        draws = (Quadratics(*draw) for draw in zip(*quadratics, strict=True))
        total = np.array([weight @ log_likelihood_rows(X, draw) for draw in draws])
    return total + target.priors.log_density(values, target.family)
