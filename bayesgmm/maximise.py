"""The maximisation step: from the moments of a pass to the next parameters."""

from dataclasses import dataclass, replace

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.parameters import MixtureParameters
from bayesgmm.statistics import moments


@dataclass(frozen=True, slots=True, eq=False)
class Maximiser:
    """What is maximised beside the likelihood, and what is held.

    Attributes
    ----------
    reg_covar : float
        Added to the diagonal of every covariance, in squared units of the data.
    """

    reg_covar: float = 0.0

    def update(
        self, at: MixtureParameters, statistics: SufficientStatistics
    ) -> MixtureParameters:
        """Return the parameters of highest expected log-density.

        Parameters
        ----------
        at : MixtureParameters
            Where the statistics were taken, and centred.
        statistics : SufficientStatistics
        """
        counts, means, scatters = moments(statistics, at.means)
        return replace(
            at,
            weights=counts / counts.sum(),
            means=means,
            covariances=self._covariances(at, scatters, counts),
        )

    def log_prior(self, at: MixtureParameters) -> float:  # noqa: ARG002
        """Return what is added to the log-likelihood."""
        return 0.0

    def gradient_norm(
        self, at: MixtureParameters, whiteners: Floats, statistics: SufficientStatistics
    ) -> float:
        """Return the gradient per observation in coordinates without units.

        With mean = mean_0 + L z and covariance = L (I + E) L^T, L L^T the covariance,
        the gradients are P^T sums and (P^T outer_products P - counts I) / 2; the
        family's estimate projects the latter on the directions the family has.
        """
        counts, sums, outer_products = statistics
        shares = counts / counts.sum()
        covariances = self._covariances(at, outer_products, counts)
        transposed = np.swapaxes(whiteners, -1, -2)
        excess = transposed @ covariances @ whiteners - np.eye(at.n_features)
        pulls = np.einsum("kij,kj->ki", transposed, sums) / counts.sum()
        return float(
            max(
                np.abs(shares - at.weights).sum(),
                np.linalg.norm(pulls, axis=1).sum(),
                0.5 * shares @ np.linalg.norm(excess, axis=(1, 2)),
            )
        )

    def _covariances(self, at, scatters, counts):
        ridge = self.reg_covar * np.eye(at.n_features)
        return at.family.estimate(scatters, counts, near=at.covariances) + ridge
