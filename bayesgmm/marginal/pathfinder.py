"""Pathfinder: normal distributions met on the way to a mode, the nearest of each."""

import time
from dataclasses import dataclass, replace
from threading import Event

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import logsumexp

from bayesgmm._typing import Floats
from bayesgmm.chains import run_chains
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.laplace import PROPOSALS, weighted_draws
from bayesgmm.marginal.mode import LogPosterior, minus
from bayesgmm.progress import announce
from bayesgmm.sampled import Settings

# As in the paper: how far starts are apart, how many steps curvature is read off, how
# many draws judge a distribution, how long a path may be.
WIDTH = 2.0
HISTORY = 6
N_JUDGING = 25
MAX_ITERATIONS = 1000
# A pair of steps says something of the curvature from this cosine on.
LEAST_CURVATURE = 1e-12


def sample_pathfinder(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Climb along `settings.chains` paths and draw from what touches them best.

    On every path the normal distribution is chosen whose Kullback-Leibler divergence
    from the posterior is least; the approximation is their mixture. Draws are
    resampled by their importance as those of `sample_laplace` are.

    References
    ----------
    .. [1] L. Zhang, B. Carpenter, A. Gelman and A. Vehtari (2022), *Pathfinder:
       parallel quasi-Newton variational inference*, JMLR 23(306).
    """
    with announce("Compiling the log-posterior", settings.progress):
        log_posterior = flat.log_posterior()
    begun, n_each = time.perf_counter(), PROPOSALS * settings.draws

    def follow(chain, stop):
        rng = np.random.default_rng([settings.seed, chain])
        found = _best_normal(log_posterior, flat.start, rng, stop)
        return found and (found, found.draw(rng, n_each))

    with announce("Following paths", settings.progress):
        paths = run_chains(follow, settings)
    done = [result for result in paths.results.values() if result is not None]
    if not done:
        raise KeyboardInterrupt
    normals, draws = zip(*done, strict=True)
    # In turn, so that the first of them are a sample too.
    values = np.stack(draws, axis=1).reshape(-1, len(flat.start))
    log_q = logsumexp([one.log_density(values) for one in normals], axis=0)
    n_kept = settings.draws * len(normals)
    drawn = weighted_draws(
        values,
        log_q,
        flat.log_posteriors(),
        begun,
        paths.interrupted,
        n_resampled=n_kept,
    )
    return replace(drawn, failures=paths.failures)


@dataclass(frozen=True, slots=True, eq=False)
class _Normal:
    centre: Floats
    lower: Floats

    def draw(self, rng, n: int) -> Floats:
        return self.centre + rng.standard_normal((n, len(self.centre))) @ self.lower.T

    def log_density(self, x: Floats) -> Floats:
        """Return log densities but for a constant that all normals share."""
        z = solve_triangular(self.lower, (x - self.centre).T, lower=True)
        return -0.5 * (z**2).sum(axis=0) - np.log(np.diagonal(self.lower)).sum()


def _best_normal(log_posterior: LogPosterior, start, rng, stop: Event):
    """Return the best normal distribution of one path; None if stopped."""
    points = _climb(log_posterior, _start(log_posterior, start, rng), stop)
    best, highest = None, -np.inf
    for normal in _normals(log_posterior, points):
        if stop.is_set():
            return None
        x = normal.draw(rng, N_JUDGING)
        lp = np.array([log_posterior(one)[0] for one in x])
        bound = (lp - normal.log_density(x)).mean()
        if bound > highest:
            best, highest = normal, bound
    if best is None and not stop.is_set():
        raise FloatingPointError("no normal distribution fits anywhere on its path")
    return best


def _start(log_posterior, centre, rng):
    """Draw a start, brought nearer until its density is a number."""
    x = rng.uniform(-WIDTH, WIDTH, len(centre))
    while not np.isfinite(log_posterior(centre + x)[0]) and np.abs(x).max() > 1e-3:
        x *= 0.5
    return centre + x


def _climb(log_posterior, start, stop):
    """Return the points of a quasi-Newton ascent."""
    points = [start]

    def keep(intermediate_result):
        points.append(intermediate_result.x.copy())
        if stop.is_set():
            raise StopIteration

    options = {"maxcor": HISTORY, "maxiter": MAX_ITERATIONS, "ftol": 1e-13}
    minimize(
        minus(log_posterior),
        start,
        jac=True,
        method="L-BFGS-B",
        options=options,
        callback=keep,
    )
    return points


def _normals(log_posterior, points):
    """Yield the normal distribution at each point whose curvature is positive."""
    gradients = [log_posterior(point)[1] for point in points]
    variances, pairs = np.ones(len(points[0])), []
    for i in range(1, len(points)):
        step, change = points[i] - points[i - 1], gradients[i - 1] - gradients[i]
        if step @ change > LEAST_CURVATURE * (change @ change):
            pairs = [*pairs, (step, change)][-HISTORY:]
            variances = _diagonal(variances, step, change)
        covariance = _inverse_curvature(variances, pairs)
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:  # rounding
            continue
        yield _Normal(points[i] + covariance @ gradients[i], lower)


def _diagonal(variances, step, change):
    """Update the diagonal that the recursion begins with (equation 11 of the paper)."""
    a, b = change @ (variances * change), step @ change
    c = step @ (step / variances)
    share = a / variances - a * step**2 / (c * variances**2)
    return b / (share + change**2)


def _inverse_curvature(variances, pairs):
    """Return the inverse of minus the second derivatives, by the BFGS recursion."""
    inverse = np.diag(variances)
    for step, change in pairs:
        rho = 1.0 / (step @ change)
        left = np.eye(len(step)) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    return 0.5 * (inverse + inverse.T)
