"""Mixtures drawn around a fit, as far from it as its rows leave room."""

from dataclasses import replace

import numpy as np
from scipy.linalg import expm

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.charts import chart_at, flatten, unflatten
from bayesgmm.information import gather
from bayesgmm.parameters import MixtureParameters
from bayesgmm.variation import Variation, variation_of


def variation_at(mixture: MixtureParameters, X: Floats, weight: Floats) -> Variation:
    """Return how the parameters of a mixture vary, by the information in rows.

    Parameters
    ----------
    mixture : MixtureParameters
    X : array of shape (n_observations, n_features)
    weight : array of shape (n_observations,)
    """
    chart = chart_at(mixture)
    chart = chart.hold(weights=mixture.weights_held, components=mixture.frozen)
    information = gather(mixture, chart, X, weight, weight)
    return variation_of(information, chart, "information")


def draw_nearby(
    mixture: MixtureParameters,
    variation: Variation,
    n: int,
    random: np.random.Generator,
) -> list[MixtureParameters]:
    """Draw mixtures from the normal distribution of the coordinates of `charts`.

    Parameters
    ----------
    mixture : MixtureParameters
    variation : Variation
        Of the coordinates. Directions that rows do not identify have none.
    n : int
    random : Generator
    """
    roots = chart_at(mixture).roots
    steps = random.normal(size=(n, variation.half.shape[-1]))
    return [_move(mixture, roots, variation.half @ step) for step in steps]


def _move(mixture: MixtureParameters, roots: Floats, step: Floats):
    d = mixture.n_features
    weights = mixture.weights * np.exp(step[:, 0])
    means = np.einsum("kij,kj->ki", roots, step[:, 1 : 1 + d])
    factors = roots @ expm(unflatten(step[:, 1 + d :], d) / 2)
    return replace(
        mixture,
        weights=weights / weights.sum(),
        means=mixture.means + means,
        covariances=factors @ np.swapaxes(factors, 1, 2),
    )


def shift_of(
    mixture: MixtureParameters, variation: Variation, moments: SufficientStatistics
) -> float:
    """Return how many standard errors a step of Newton's is, in its own direction.

    Parameters
    ----------
    mixture : MixtureParameters
        Where moments were taken.
    variation : Variation
    moments : SufficientStatistics
        From which the gradient follows.
    """
    whitener = np.linalg.inv(chart_at(mixture).roots)
    counts, sums, outer_products = moments
    spread = whitener @ outer_products @ np.swapaxes(whitener, 1, 2)
    excess = spread - counts[:, None, None] * np.eye(mixture.n_features)
    gradient = np.column_stack(
        [
            counts - counts.sum() * mixture.weights,
            np.einsum("kij,kj->ki", whitener, sums),
            flatten(excess / 2),
        ]
    )
    return float(np.linalg.norm(np.einsum("kqn,kq->n", variation.half, gradient)))
