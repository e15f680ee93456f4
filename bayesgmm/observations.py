"""What EM must know about the data: the rows, and what one pass over them tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.kernels.reduce import labels, one_pass
from bayesgmm.kernels.threads import run_tasks
from bayesgmm.parameters import MixtureParameters

# A function of `kernels.reduce` that keeps something of every row.
Kernel = Callable[[Floats, Quadratics], Any]


class Observations(Protocol):
    """Rows of some kind: complete, with gaps, with some labels known."""

    @property
    def n_rows(self) -> int:
        """Rows, whatever their weights."""
        ...

    @property
    def n_observations(self) -> float:
        """Rows, or the sum of their weights."""
        ...

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        """Return the log-likelihood, and the moments expected given the rows.

        Parameters
        ----------
        at : MixtureParameters
        quadratics : Quadratics
            Those of `at`, which the caller has.
        """
        ...

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        """Return what a kernel keeps of every row: labels, scores, responsibilities."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Complete:
    """Rows without gaps.

    Attributes
    ----------
    X : array of shape (n_observations, n_features)
    sample_weight : array of shape (n_observations,), optional
    """

    X: Floats
    sample_weight: Floats | None = None

    @property
    def n_rows(self) -> int:
        return len(self.X)

    @property
    def n_observations(self) -> float:
        weight = self.sample_weight
        return float(len(self.X) if weight is None else weight.sum())

    def expect(
        self,
        at: MixtureParameters,  # noqa: ARG002
        quadratics: Quadratics,
    ) -> tuple[float, SufficientStatistics]:
        return one_pass(self.X, quadratics, sample_weight=self.sample_weight)

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        return kernel(self.X, at.quadratics)


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """Rows in groups, each of which sees the mixture in its own way.

    Attributes
    ----------
    places : tuple of array of int
        Positions of the rows of each group among all rows.
    groups : tuple of Observations
    """

    places: tuple[Ints, ...]
    groups: tuple[Observations, ...]

    @property
    def n_rows(self) -> int:
        return sum(group.n_rows for group in self.groups)

    @property
    def n_observations(self) -> float:
        return sum(group.n_observations for group in self.groups)

    def expect(
        self, at: MixtureParameters, quadratics: Quadratics
    ) -> tuple[float, SufficientStatistics]:
        total, sums = 0.0, [0.0, 0.0, 0.0]

        def add(terms):
            nonlocal total
            total += terms[0]
            sums[:] = [a + b for a, b in zip(sums, terms[1], strict=True)]

        run_tasks(lambda group: group.expect(at, quadratics), self.groups, add)
        return total, SufficientStatistics(*sums)  # pyright: ignore[reportArgumentType]

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        parts = [group.each(kernel, at) for group in self.groups]
        out = np.empty((self.n_rows, *parts[0].shape[1:]), parts[0].dtype)
        for places, part in zip(self.places, parts, strict=True):
            out[places] = part
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Rows of which nothing is known but their sums, as EM sees them.

    Attributes
    ----------
    moments : SufficientStatistics
        Taken at the only parameters that will ever be asked for.
    n_rows : int
    log_likelihood : float
    """

    moments: SufficientStatistics
    n_rows: int
    log_likelihood: float = np.nan

    @property
    def n_observations(self) -> float:
        return float(self.moments.counts.sum())

    def expect(
        self,
        at: MixtureParameters,  # noqa: ARG002
        quadratics: Quadratics,  # noqa: ARG002
    ) -> tuple[float, SufficientStatistics]:
        return self.log_likelihood, self.moments

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:
        raise NotImplementedError("sums know nothing of rows")


def members(observations: Observations, at: MixtureParameters, component: int) -> Ints:
    """Return the rows that belong to a component more than to any other."""
    return np.asarray(np.flatnonzero(observations.each(labels, at) == component))
