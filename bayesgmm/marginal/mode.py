"""Where a posterior is highest, and how it curves there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from bayesgmm._typing import Floats

MAX_ITERATIONS = 200
# Of the central differences, in units of a variable or, where larger, of its value.
STEP = 1e-5
# In variables whose curvature is 1 each given the others, no direction is flatter:
# the posterior is taken to be at most 100 times as wide as they are.
LEAST_CURVATURE = 1e-4
# A mode whose log-density a Newton step would raise by more was not found.
LARGEST_GAIN = 0.1

LogPosterior = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """A mode of a log-density and the normal distribution that touches it there.

    Attributes
    ----------
    centre : array of shape (n,)
    log_density : float
        At the centre, up to the constant of the function it was found with.
    precision : array of shape (n, n)
        Minus the second derivatives, made positive definite.
    root : array of shape (n, n)
        ``root @ root.T`` is the inverse of the precision; upper triangular.
    found : bool
        Whether the function is flat at the centre and curves down on all sides, so
        that nothing had to be made up.
    """

    centre: Floats
    log_density: float
    precision: Floats
    root: Floats
    found: bool


def find_mode(log_posterior: LogPosterior, start: Floats) -> Mode:
    """Climb to a mode from `start`, and measure the curvature there.

    Parameters
    ----------
    log_posterior : function
        ``f(x) -> (float, gradient)``.
    start : array of shape (n,)
        EM's estimate, say: a few iterations then are enough.
    """
    options = {"maxiter": MAX_ITERATIONS, "ftol": 1e-13, "gtol": 1e-4}
    downhill = minus(log_posterior)
    climbed = minimize(downhill, start, jac=True, method="L-BFGS-B", options=options)
    centre = climbed.x
    precision, sound = _positive_definite(curvature(log_posterior, centre))
    root = _inverse_root(precision)
    value, gradient = log_posterior(centre)
    step = root @ (root.T @ gradient)
    gain = 0.5 * gradient @ step
    if log_posterior(centre + step)[0] > value:
        centre = centre + step
        value = log_posterior(centre)[0]
    found = bool(sound and gain <= LARGEST_GAIN)
    return Mode(centre, float(value), precision, root, found)


def minus(log_posterior: LogPosterior) -> LogPosterior:
    """Return what minimisers take; infinite, and flat, where that is no number."""

    def objective(x):
        value, gradient = log_posterior(x)
        usable = np.isfinite(value) and np.isfinite(gradient).all()
        return (-value, -gradient) if usable else (np.inf, np.zeros(len(x)))

    return objective


def curvature(log_posterior: LogPosterior, x: Floats) -> Floats:
    """Return minus the second derivatives, by central differences of the gradient."""
    rows = []
    for i, step in enumerate(STEP * np.maximum(1.0, np.abs(x))):
        high, low = x.copy(), x.copy()
        high[i] += step
        low[i] -= step
        difference = log_posterior(high)[1] - log_posterior(low)[1]
        rows.append(-difference / (high[i] - low[i]))
    hessian = np.array(rows)
    return 0.5 * (hessian + hessian.T)


def _positive_definite(hessian: Floats) -> tuple[Floats, bool]:
    """Lift eigenvalues, once each variable has curvature 1; tell whether none was."""
    hessian = np.nan_to_num(hessian, nan=0.0, posinf=0.0, neginf=0.0)
    diagonal = np.abs(np.diagonal(hessian))
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    if values[0] >= LEAST_CURVATURE:
        return hessian, True
    lifted = (vectors * np.maximum(values, LEAST_CURVATURE)) @ vectors.T
    return lifted * np.outer(scale, scale), False


def _inverse_root(precision: Floats) -> Floats:
    lower = cholesky(precision, lower=True)
    return solve_triangular(lower, np.eye(len(lower)), lower=True).T
