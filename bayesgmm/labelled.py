"""Rows whose component is known, or known to be one of a few."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats, Quadratics, SufficientStatistics
from bayesgmm.compression import distinct_rows
from bayesgmm.incomplete import observe
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.observations import Grouped, Kernel, Observations
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True, slots=True, eq=False)
class Among:
    """Rows that come from one of some components.

    A row adds log sum_k weights[k] N(x | k) over those: of a known component, the log
    of its weight and density together.

    Attributes
    ----------
    rows : Observations
    allowed : array of bool, shape (n_components,)
    """

    rows: Observations
    allowed: Any

    @property
    def n_rows(self) -> int:
        return self.rows.n_rows

    @property
    def n_observations(self) -> float:
        return self.rows.n_observations

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        allowed = np.append(self.allowed, False)[: len(quadratics.offsets)]  # no noise
        offsets = np.where(allowed, quadratics.offsets, -np.inf)
        return self.rows.expect(
            self._restrict(at), quadratics._replace(offsets=offsets)
        )

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return self.rows.each(kernel, self._restrict(at))

    def _restrict(self, at):
        allowed = np.append(self.allowed, False)[: len(at.shares)]
        return at.with_shares(np.where(allowed, at.shares, 0.0))


def observe_labelled(
    X: Floats, sample_weight: Floats | None = None, allowed: Any = None
) -> Observations:
    """Return rows, perhaps with gaps, that come from the components allowed.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
    sample_weight : array of shape (n_observations,), optional
    allowed : array of bool, shape (n_observations, n_components), optional
    """
    if allowed is None or allowed.all():
        return observe(X, sample_weight)
    sets, _, numbers = distinct_rows(allowed)
    groups = []
    for number in np.lexsort(sets.T[::-1]):
        components, places = sets[number], np.flatnonzero(numbers == number)
        weight = None if sample_weight is None else sample_weight[places]
        rows = observe(X[places], weight)
        groups.append((places, rows if components.all() else Among(rows, components)))
    return Grouped(*zip(*groups, strict=True))


def known_means(X: Floats, sample_weight: Floats | None, allowed) -> Floats | None:
    """Return the means of rows of known component; None if some component has none."""
    known = allowed & (allowed.sum(axis=1) == 1)[:, None]
    if not known.any(axis=0).all():
        return None
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    shares = known * weight[:, None]
    return shares.T @ X / shares.sum(axis=0)[:, None]


def match_labels(start: MixtureParameters, X: Floats, allowed) -> MixtureParameters:
    """Return a mixture with its components in the order that fits the labels best."""
    return seat(start, count_votes(start, X, allowed))


def count_votes(start: MixtureParameters, X: Floats, allowed) -> Floats:
    """Return how many rows that say so make each component which one of the labels.

    Parameters
    ----------
    start : MixtureParameters
    X : array of shape (n_observations, n_features)
        Perhaps with gaps.
    allowed : array of bool, shape (n_observations, n_components)

    Returns
    -------
    array of shape (n_components, n_components)
        Components of the mixture by those of the labels.
    """
    votes = np.zeros((start.n_components, start.n_components))
    told = ~allowed.all(axis=1)
    if told.any():
        shares = observe(X[told]).each(responsibilities, start)
        own = shares[:, : start.n_components].argmax(axis=1)
        np.add.at(votes, own, allowed[told] / allowed[told].sum(axis=1, keepdims=True))
    return votes


def seat(start: MixtureParameters, votes: Floats) -> MixtureParameters:
    """Return a mixture with its components in the order that has the most votes."""
    if not votes.any():
        return start
    rows, columns = linear_sum_assignment(-votes)
    return start.permute(rows[np.argsort(columns)])
