"""What EM must know about the data: the rows, and what one pass over them tells."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bayesgmm._typing import Floats, Ints, Quadratics, SufficientStatistics
from bayesgmm.kernels.reduce import labels, one_pass
from bayesgmm.parameters import MixtureParameters


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

    def labels(self, at: MixtureParameters) -> Ints:
        """Return the likeliest component of every row."""
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

    def labels(self, at: MixtureParameters) -> Ints:
        return labels(self.X, at.quadratics)


def members(observations: Observations, at: MixtureParameters, component: int) -> Ints:
    """Return the rows that belong to a component more than to any other."""
    return np.flatnonzero(observations.labels(at) == component)
