"""The information in the rows about a mixture: scores and second derivatives.

Everything is summed over rows in blocks, in the coordinates of `charts`, which have
no units. Boldea and Magnus (2009), *Maximum likelihood estimation of the multivariate
normal mixture model*, JASA 104:1539-1549.

With ``c_nk = (1, y, (y y^T - I) / 2)`` the gradient of a component's log-density at
the whitened row ``y = root_k^-1 (x_n - mean_k)``, and r the responsibilities, a row
has the score ``s_n = (r_nk c_nk)_k - (weights_k, 0, 0)_k``, and the second derivatives

    blocks(r_nk (c_nk c_nk^T + H_nk)) - u_n u_n^T - (diag(weights) - weights weights^T)

with ``u_n = (r_nk c_nk)_k``, and ``H_nk`` of the log-density, which is linear in
``y y^T``.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import block_diag

from bayesgmm._typing import Floats
from bayesgmm.charts import Chart, flatten, unflatten
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.labelled import observe_labelled
from bayesgmm.parameters import MixtureParameters

BLOCK_NUMBERS = 2**18
"""Numbers in one block of scores."""


class Information(NamedTuple):
    """Sums over rows, in the free coordinates of a chart.

    Attributes
    ----------
    gradient : array of shape (n_parameters,)
        Of the log-likelihood; zero at a maximum.
    observed : array of shape (n_parameters, n_parameters)
        Minus the second derivatives of the log-likelihood.
    scores : array of shape (n_parameters, n_parameters)
        Outer products of the rows' scores.
    complete : array of shape (n_parameters,)
        What each coordinate alone would have in `observed` if the components of all
        rows were known: the yardstick of what an overlap costs.
    """

    gradient: Floats
    observed: Floats
    scores: Floats
    complete: Floats


class Totals(NamedTuple):
    """Sums over rows in all coordinates, which add up over parts of the rows.

    Attributes
    ----------
    n : array of shape ()
        Sum of the weights.
    gradients : array of shape (n_components, n_coordinates)
        Of r_nk c_nk.
    own : array of shape (n_components, n_coordinates, n_coordinates)
        Of r_nk c_nk c_nk^T.
    outer, scores : array, shape (n_components n_coordinates,) * 2
        Of u_n u_n^T and s_n s_n^T.
    """

    n: Floats
    gradients: Floats
    own: Floats
    outer: Floats
    scores: Floats


def gather(
    mixture: MixtureParameters,
    chart: Chart,
    X: Floats,
    weight: Floats,
    score_weight: Floats,
    allowed: Any = None,
) -> Information:
    """Sum scores and second derivatives over rows; the parameters of `sum_scores`."""
    totals = sum_scores(mixture, chart, X, weight, score_weight, allowed)
    return inform(mixture, chart, totals)


def sum_scores(
    mixture: MixtureParameters,
    chart: Chart,
    X: Floats,
    weight: Floats,
    score_weight: Floats,
    allowed: Any = None,
) -> Totals:
    """Sum over rows what `inform` needs.

    Parameters
    ----------
    mixture : MixtureParameters
    chart : Chart
        Around `mixture`.
    X : array of shape (n_observations, n_features)
    weight : array of shape (n_observations,)
        Of each row in the log-likelihood.
    score_weight : array of shape (n_observations,)
        Of each row in `Information.scores`.
    allowed : array of bool, shape (n_observations, n_components), optional
        Components that a row may come from.

    Notes
    -----
    Time O(n (K q)^2) for the q coordinates of a component, memory above the data
    O((K q)^2) and one block.
    """
    k, q = mixture.n_components, chart.jacobian.shape[1]
    own, outer, scores = np.zeros((k, q, q)), *np.zeros((2, k * q, k * q))
    total, certain = np.zeros((2, k, q))
    certain[:, 0] = mixture.weights
    for rows, r, c in gradients(mixture, chart, X, allowed):
        w, shared = weight[rows], r[..., None] * c
        own += (w[:, None, None] * shared).transpose(1, 2, 0) @ c.transpose(1, 0, 2)
        total += np.tensordot(w, shared, 1)
        u = shared.reshape(len(w), -1)
        outer += (u.T * w) @ u
        s = u - certain.ravel()
        scores += (s.T * score_weight[rows]) @ s
    return Totals(np.asarray(weight.sum()), total, own, outer, scores)


def add_totals(parts: Iterable[Totals]) -> Totals:
    """Add the sums of parts of the rows."""
    return Totals(*(np.sum(each, axis=0) for each in zip(*parts, strict=True)))


def inform(mixture: MixtureParameters, chart: Chart, totals: Totals) -> Information:
    """Return scores and second derivatives of all rows, from their sums."""
    n, total, own, outer, scores = totals
    d, q = mixture.n_features, total.shape[1]
    hessian = np.asarray(block_diag(*(own + _of_densities(total, d)))) - outer
    hessian -= n * _of_weights(mixture.weights, q)
    gradient = total.copy()
    gradient[:, 0] -= n * mixture.weights
    return _in_free_coordinates(chart, total[:, 0], gradient, hessian, scores)


def gradients(
    mixture: MixtureParameters, chart: Chart, X: Floats, allowed: Any = None
) -> Iterator[tuple[slice, Floats, Floats]]:
    """Yield rows, their responsibilities and gradients of each log-density.

    Yields
    ------
    rows : slice
    responsibilities : array of shape (n_rows, n_components)
    gradients : array of shape (n_rows, n_components, n_coordinates)
    """
    k, d = mixture.means.shape
    whiteners = np.linalg.inv(chart.roots)
    size = max(1, BLOCK_NUMBERS // (k * chart.jacobian.shape[1]))
    for start in range(0, len(X), size):
        rows = slice(start, min(start + size, len(X)))
        block = np.asarray(X[rows], dtype=np.float64)
        y = np.einsum("kij,nkj->nki", whiteners, block[:, None] - mixture.means)
        squares = 0.5 * (y[..., :, None] * y[..., None, :] - np.eye(d))
        c = np.concatenate([np.ones((*y.shape[:2], 1)), y, flatten(squares)], axis=2)
        some = observe_labelled(block, None, None if allowed is None else allowed[rows])
        yield rows, some.each(responsibilities, mixture), c


def _of_densities(total, d):
    """Return sums of r_nk H_nk, given those of r_nk c_nk."""
    identity = np.eye(d)
    counts, sums = total[:, 0, None, None], total[:, 1 : 1 + d]
    products = 2.0 * unflatten(total[:, 1 + d :], d) + counts * identity
    basis = unflatten(np.eye(d * (d + 1) // 2), d)
    cross = np.einsum("aij,kj->kia", basis, sums)
    # tr(A (I/2 - y y^T) B), made symmetric, over pairs A, B of the basis.
    inner = 0.5 * counts * identity - products
    pairs = np.einsum("aij,kjl,bli->kab", basis, inner, basis, optimize=True)
    hessian = np.zeros((len(total), *total.shape[1:] * 2))
    hessian[:, 1 : 1 + d, 1 : 1 + d] = -counts * identity
    hessian[:, 1 : 1 + d, 1 + d :] = -cross
    hessian[:, 1 + d :, 1 : 1 + d] = -np.swapaxes(cross, 1, 2)
    hessian[:, 1 + d :, 1 + d :] = 0.5 * (pairs + np.swapaxes(pairs, 1, 2))
    return hessian


def _of_weights(weights, q):
    """Return diag(weights) - weights weights^T, in the coordinates of all."""
    k = len(weights)
    total = np.zeros((k, q, k, q))
    total[:, 0, :, 0] = np.diag(weights) - np.outer(weights, weights)
    return total.reshape(k * q, k * q)


def _in_free_coordinates(chart: Chart, counts, gradient, hessian, scores):
    k, q, n = chart.jacobian.shape
    d = chart.roots.shape[-1]
    jacobian = chart.jacobian.reshape(k * q, n)
    bend = chart.bend(unflatten(gradient[:, 1 + d :], d))
    each = np.ones(q)
    each[1 + d :] = 0.5
    return Information(
        gradient=gradient.ravel() @ jacobian,
        observed=-(jacobian.T @ hessian @ jacobian + bend),
        scores=jacobian.T @ scores @ jacobian,
        complete=(counts[:, None] * each).ravel() @ jacobian**2,
    )
