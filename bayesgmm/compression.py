"""Equal rows put together: one of them, with the weight of all.

Images of 8 or 16 bits have far fewer colours than pixels. The likelihood is the same to
rounding, and so is every step of EM.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayesgmm._typing import Ints, Quadratics, SufficientStatistics
from bayesgmm.observations import Complete, Kernel, Observations
from bayesgmm.parameters import MixtureParameters

FEWEST_ROWS = 2**14
"""A pass over fewer takes no time that is worth saving."""
SAMPLE = 2**16
WORTHWHILE = 0.5
"""Distinct rows, as a share of all, from which on nothing is put together."""


class Distinct(NamedTuple):
    """The distinct ones among rows, in the order in which they first appear.

    Attributes
    ----------
    rows : array of shape (n_distinct, n_features)
    counts : array of int, shape (n_distinct,)
    places : array of int, shape (n_observations,)
        Of each row among the distinct ones.
    """

    rows: Any
    counts: Ints
    places: Ints


def distinct_rows(X) -> Distinct:
    """Return the distinct rows of an array of finite numbers, by hashing: O(n d)."""
    places = _codes(X[:, 0])[0]
    for j in range(1, X.shape[1]):
        codes, n_codes = _codes(X[:, j])
        places = _codes(places * n_codes + codes)[0]
    counts = np.bincount(places)
    first = np.empty(len(counts), np.intp)
    first[places[::-1]] = np.arange(len(X))[::-1]
    return Distinct(X[first], counts, places)


def _codes(column) -> tuple[Ints, int]:
    codes, values = pd.factorize(np.ascontiguousarray(column))
    return codes.astype(np.int64, copy=False), len(values)


def find_repeated(X) -> Distinct | None:
    """Return the distinct rows where they are few; None soon where they are not."""
    sample = X[:: len(X) // SAMPLE + 1]
    if len(distinct_rows(sample).rows) > WORTHWHILE * len(sample):
        return None
    return distinct_rows(X)


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Rows many of which are equal.

    Attributes
    ----------
    distinct : Complete
        Weighted by how often each row is there, or by the sum of their weights.
    places : array of int, shape (n_observations,)
        Of each row among the distinct ones.
    """

    distinct: Complete
    places: Ints

    @property
    def n_rows(self) -> int:
        return len(self.places)

    @property
    def n_observations(self) -> float:
        return self.distinct.n_observations

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        return self.distinct.expect(at, quadratics)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return self.distinct.each(kernel, at)[self.places]


def compress(observations: Observations) -> Observations:
    """Put equal rows together where that is surely worth its time."""
    if not isinstance(observations, Complete) or observations.n_rows < FEWEST_ROWS:
        return observations
    X, weight = observations.X, observations.sample_weight
    found = find_repeated(X)
    if found is None:
        return observations
    rows, counts, places = found
    weight = np.bincount(places, weight) if weight is not None else counts.astype(float)
    return Repeated(Complete(rows, weight), places)


def one_by_one(observations: Observations) -> Complete:
    """Return rows that carry a weight: of equal ones put together, the distinct."""
    if isinstance(observations, Repeated):
        return observations.distinct
    assert isinstance(observations, Complete)
    return observations
