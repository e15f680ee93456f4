"""The search for cells: where stand-ins for rows say something else, cells are cut."""

from collections.abc import Sequence

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics
from bayesgmm.cells import Cells, Cut, moments_at, sum_by
from bayesgmm.kernels.reduce import labels, log_likelihood_rows_draws
from bayesgmm.parameters import MixtureParameters
from bayesgmm.stand_ins import stand_ins
from bayesgmm.statistics import Moments, moments

WORST = 0.4
"""Share of the cells that is cut in one round."""
NEGLIGIBLE = 1e-9
"""Nats a cell: less is not worth a cut."""


def find_cells(
    X: Floats,
    weight: Floats,
    mixture: MixtureParameters,
    pilots: Sequence[MixtureParameters],
    n_cells: int,
) -> Cells:
    """Divide space where few points in place of rows change the log-likelihood.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        A sample.
    weight : array of shape (n_observations,)
        That sum to the weight of all rows.
    mixture : MixtureParameters
    pilots : sequence of MixtureParameters
        Near `mixture`: the log-likelihood ratios to these are to be right.
    n_cells : int
        At most.
    """
    quadratics = _stack([mixture, *pilots])
    ratios = _ratios(X, quadratics)
    cuts, cell, centres = [], labels(X, mixture.quadratics), mixture.means
    while True:
        now = moments(moments_at(X, weight, cell, centres), centres)
        reach = ((now.means - centres) ** 2).sum(axis=1)
        error = _errors(now, reach, cell, weight, ratios, quadratics)
        centres = now.means
        error[np.bincount(cell, minlength=len(error)) < 2 * X.shape[1] + 2] = 0.0
        worst = _choose(error, n_cells - len(error))
        if len(worst) == 0:
            return Cells(mixture, tuple(cuts), centres)
        cuts.append(_cut(now, worst, mixture))
        cell = cuts[-1].apply(X, cell)
        centres = np.concatenate([centres, centres[worst]])


def _stack(mixtures) -> Quadratics:
    parts = zip(*(each.quadratics for each in mixtures), strict=True)
    return Quadratics(*map(np.stack, parts))


def _ratios(X, quadratics) -> Floats:
    """Return log density ratios of the pilots to the mixture, (n_rows, n_pilots)."""
    scores = log_likelihood_rows_draws(X, quadratics).T
    return scores[:, 1:] - scores[:, :1]


def _errors(now: Moments, reach, cell, weight, ratios, quadratics) -> Floats:
    """Return by how much log-likelihood ratios of a cell change, over pilots."""
    n_cells = len(now.counts)
    points, shares, place = stand_ins(now, reach)
    rows = sum_by(cell, weight, ratios, n_cells)
    few = sum_by(place, shares, _ratios(points, quadratics), n_cells)
    return np.linalg.norm(rows - few, axis=1)


def _choose(error: Floats, room: int) -> Ints:
    """Return the worst cells, as many as may be cut now."""
    order = np.argsort(-error, kind="stable")
    n = min(room, max(1, int(WORST * len(error))), int((error > NEGLIGIBLE).sum()))
    return order[: max(n, 0)]


def _cut(now: Moments, worst: Ints, mixture: MixtureParameters) -> Cut:
    """Cut cells where they are longest, as their component measures length."""
    n = len(now.counts)
    owner = labels(now.means[worst], mixture.quadratics)
    whitener = mixture.precisions_cholesky[owner]
    scatter = np.swapaxes(whitener, 1, 2) @ now.scatters[worst] @ whitener
    longest = np.linalg.eigh(scatter)[1][:, :, -1]
    directions, offsets = np.zeros_like(now.means), np.zeros(n)
    directions[worst] = np.einsum("kij,kj->ki", whitener, longest)
    offsets[worst] = np.einsum("ki,ki->k", directions[worst], now.means[worst])
    beyond = np.arange(n)
    beyond[worst] = n + np.arange(len(worst))
    return Cut(directions, offsets, beyond)
