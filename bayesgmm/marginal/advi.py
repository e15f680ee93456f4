"""Gaussian approximations by PyMC's automatic differentiation variational inference."""

import time

import numpy as np
import pymc as pm

from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.laplace import weighted_draws
from bayesgmm.sampled import Settings

N_ITERATIONS = 20_000
LEARNING_RATE = 0.01


def sample_advi(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Fit independent normal distributions to the free variables and draw from them."""
    return _sample(flat, settings, "advi", lambda fit: np.diag(fit.std.eval()))


def sample_fullrank_advi(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Fit one multivariate normal distribution to the free variables and draw."""

    def root(approximation):
        return np.linalg.cholesky(approximation.cov.eval())

    return _sample(flat, settings, "fullrank_advi", root)


def _sample(flat, settings, method, root):
    begun = time.perf_counter()
    approximation = _fit(flat, settings, method)
    log_posteriors = flat.log_posteriors()
    mean, n_draws = approximation.mean.eval(), settings.draws * settings.chains
    z = np.random.default_rng(settings.seed).standard_normal((n_draws, len(mean)))
    values = mean + z @ root(approximation).T
    return weighted_draws(
        values[:, _order(flat, approximation)],
        -0.5 * (z**2).sum(axis=1),
        log_posteriors,
        begun,
        interrupted=len(approximation.hist) < N_ITERATIONS,
    )


def _fit(flat, settings, method):
    with flat.model:
        return pm.fit(
            N_ITERATIONS,
            method=method,
            random_seed=settings.seed,
            progressbar=settings.progress,
            obj_optimizer=pm.adam(learning_rate=LEARNING_RATE),
        )


def _order(flat, approximation):
    """Positions of the model's free variables in the approximation's flat vector."""
    ordering = approximation.groups[0].ordering
    pieces = [ordering[v.name][1] for v in flat.model.value_vars]
    return np.concatenate([np.arange(p.start, p.stop) for p in pieces])
