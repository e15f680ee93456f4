"""Rows with gaps: exact EM, one pattern of observed columns after the other.

A row adds the log density of what was observed of it. What it adds to the moments is
what they are expected to be given that, under each component: linear in the moments
of the observed columns, so a pattern costs one pass over those and nothing is kept of
a row. Ghahramani and Jordan (1994), *Supervised learning from incomplete data via an
EM approach*, NIPS 6.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.kernels.gaps import expect_gaps
from bayesgmm.observations import Complete, Grouped, Kernel, Observations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.patterns import find_patterns, regress, select

# From so many rows on, a pass of its own is quicker for a pattern than row by row.
MANY = 128
# Patterns with fewer rows go to threads in batches of so many rows.
ROWS_A_TASK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Rows of which the same columns were observed.

    Attributes
    ----------
    rows : Complete
        Their observed columns.
    observed : array of bool, shape (n_features,)
    """

    rows: Complete
    observed: Any

    @property
    def n_rows(self) -> int:
        return self.rows.n_rows

    @property
    def n_observations(self) -> float:
        return self.rows.n_observations

    def expect(
        self,
        at: MixtureParameters,
        quadratics: Quadratics,  # noqa: ARG002
    ) -> tuple[float, SufficientStatistics]:
        seen = regress(at, self.observed)
        log_likelihood, moments = self.rows.expect(at, seen.quadratics)
        return log_likelihood, _complete(moments, seen)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return kernel(self.rows.X, regress(at, self.observed).quadratics)


def _complete(moments, seen):
    """Return the moments of all columns expected from those of the observed ones."""
    counts, sums, outer_products = moments
    onto, back = seen.completions, np.swapaxes(seen.completions, -1, -2)
    left = counts[:, None, None] * (seen.spreads @ np.swapaxes(seen.spreads, -1, -2))
    return SufficientStatistics(
        counts,
        np.einsum("kij,kj->ki", onto, sums),
        onto @ outer_products @ back + left,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Scattered:
    """Rows of many patterns, each with few rows.

    Attributes
    ----------
    X : array of shape (n_observations, n_features)
        NaN where not observed. Rows of one pattern stand together.
    sample_weight : array of shape (n_observations,), or None
    starts : array of int, shape (n_patterns + 1,)
        Where a pattern begins, and the end.
    """

    X: Floats
    sample_weight: Floats | None
    starts: Ints

    @property
    def n_rows(self) -> int:
        return len(self.X)

    @property
    def n_observations(self) -> float:
        return Complete(self.X, self.sample_weight).n_observations

    def expect(
        self,
        at: MixtureParameters,
        quadratics: Quadratics,  # noqa: ARG002
    ) -> tuple[float, SufficientStatistics]:
        n = self.n_rows
        weight = np.ones(n) if self.sample_weight is None else self.sample_weight
        with np.errstate(divide="ignore"):  # an empty component has -inf
            log_weights = np.log(at.weights)
        scores, *moments = expect_gaps(
            self.X.astype(np.float64, copy=False),
            weight,
            self.starts,
            np.tile(log_weights, (len(self.starts) - 1, 1)),
            at.means,
            at.covariances,
        )
        return float(scores.sum()), SufficientStatistics(*moments)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        places, patterns = [], []
        for start, end in pairwise(self.starts):
            rows = np.arange(start, end)
            places.append(rows)
            patterns.append(_pattern(self.X, None, rows, ~np.isnan(self.X[start])))
        return Grouped(tuple(places), tuple(patterns)).each(kernel, at)


def observe(X: Floats, sample_weight: Floats | None = None) -> Observations:
    """Return rows as EM and prediction see them; NaN marks a missing value.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        Copied by pattern if it has gaps, else not.
    sample_weight : array of shape (n_observations,), optional
    """
    if not np.isnan(X.min()):
        return Complete(X, sample_weight)
    patterns = list(find_patterns(X))
    few = [rows for rows, seen in patterns if len(rows) < MANY and seen.any()]
    groups = [
        (rows, _pattern(X, sample_weight, rows, seen))
        for rows, seen in patterns
        if len(rows) >= MANY or not seen.any()
    ]
    groups += [_scatter(X, sample_weight, some) for some in _batches(few)]
    return Grouped(*zip(*groups, strict=True))


def _batches(few):
    """Yield lists of patterns that together have enough rows for a task."""
    batch, size = [], 0
    for rows in few:
        batch.append(rows)
        size += len(rows)
        if size >= ROWS_A_TASK:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _scatter(X, sample_weight, patterns):
    rows = np.concatenate(patterns)
    weight = None if sample_weight is None else sample_weight[rows]
    starts = np.cumsum([0, *map(len, patterns)])
    return rows, Scattered(X[rows], weight, starts)


def _pattern(X, sample_weight, rows, observed):
    weight = None if sample_weight is None else sample_weight[rows]
    complete = Complete(select(X, rows, observed), weight)
    return complete if observed.all() else Pattern(complete, observed)
