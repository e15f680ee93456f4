"""Weights changed by little until sums over few rows are those over all.

Deville and Särndal (1992), *Calibration estimators in survey sampling*, JASA
87:376-382: with exponential factors ("raking") weights stay positive.
"""

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.charts import flatten
from bayesgmm.kernels.reduce import log_likelihood_rows, responsibilities
from bayesgmm.parameters import MixtureParameters

MAX_ITER = 30
LOOSE = 1e-8
"""Of a sum, relative to its size: less is rounding."""


def match_step(
    points: Floats,
    weight: Floats,
    at: MixtureParameters,
    log_likelihood: float,
    moments: SufficientStatistics,
) -> Floats | None:
    """Return weights of points under which a step of EM sees what it sees in all rows.

    Parameters
    ----------
    points : array of shape (n_points, n_features)
    weight : array of shape (n_points,)
    at : MixtureParameters
    log_likelihood : float
        Of all rows.
    moments : SufficientStatistics
        Of all rows.
    """
    shares = responsibilities(points, at.quadratics)
    columns, wanted = [log_likelihood_rows(points, at.quadratics)], [log_likelihood]
    for k, mean in enumerate(at.means):
        centred = points - mean
        squares = flatten(centred[:, :, None] * centred[:, None, :])
        every = np.column_stack([np.ones(len(points)), centred, squares])
        columns.append(shares[:, k, None] * every)
        wanted += [moments.counts[k], *moments.sums[k]]
        wanted += flatten(moments.outer_products[k]).tolist()
    return calibrate(weight, np.column_stack(columns), np.array(wanted))


def calibrate(weight: Floats, values: Floats, wanted: Floats) -> Floats | None:
    """Return weights under which values sum to what is wanted.

    Parameters
    ----------
    weight : array of shape (n_rows,)
        Positive.
    values : array of shape (n_rows, n_sums)
    wanted : array of shape (n_sums,)

    Returns
    -------
    array of shape (n_rows,), or None
        ``weight * exp(values @ factors)``; None if no such weights are found.
    """
    lack = wanted - weight @ values
    scale = np.sqrt(weight @ values**2)
    scale = np.where(scale > 0, scale, 1.0)
    scaled, lack = values / scale, lack / scale
    # Factors are those of independent sums: they see all as one scale.
    sizes, axes = np.linalg.eigh((scaled * weight[:, None]).T @ scaled)
    kept = sizes > LOOSE * sizes[-1]
    scaled = scaled @ (axes[:, kept] / np.sqrt(sizes[kept]))
    lack = (axes[:, kept] / np.sqrt(sizes[kept])).T @ lack
    factors = _solve(weight, scaled, lack)
    return None if factors is None else weight * np.exp(scaled @ factors)


def _solve(weight, values, lack) -> Floats | None:
    """Find factors by Newton's steps, shortened until less is lacking."""
    factors = np.zeros(len(lack))
    with np.errstate(over="ignore", invalid="ignore"):
        left = lack
        for _ in range(MAX_ITER):
            if np.linalg.norm(left) < LOOSE:
                return factors
            grown = weight * np.exp(values @ factors)
            step = np.linalg.lstsq((values * grown[:, None]).T @ values, left)[0]
            for _ in range(MAX_ITER):
                gained = (weight * np.expm1(values @ (factors + step))) @ values
                if np.linalg.norm(lack - gained) < np.linalg.norm(left):
                    break
                step = step / 2
            else:
                return None
            factors, left = factors + step, lack - gained
    return None
