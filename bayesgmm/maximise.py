"""The maximisation step: from the moments of a pass to the next parameters."""

from dataclasses import dataclass, replace

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.conjugate import ConjugatePrior
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.initialise import Overall
from bayesgmm.parameters import MixtureParameters
from bayesgmm.statistics import moments


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """Components that stay where they are, whatever their weights.

    Attributes
    ----------
    components : tuple of int
    means : array of shape (n_frozen, n_features)
    covariances : array of shape (n_frozen, n_features, n_features)
    """

    components: tuple[int, ...]
    means: Floats
    covariances: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Maximiser:
    """What is maximised beside the likelihood, and what is held.

    Attributes
    ----------
    reg_covar : float
        Added to the diagonal of every covariance, in squared units of the data.
    prior : ConjugatePrior, optional
        Its log density is added to the log-likelihood.
    weights : array of shape (n_components,), optional
        Held at these.
    frozen : Frozen, optional
        Only in families whose components share nothing.
    floor : array of shape (n_features, n_features), optional
        Spread that every component has beside that of its rows, where data have none.
    repair : ConjugatePrior, optional
        The prior that takes over where a component collapses.
    """

    reg_covar: float = 0.0
    prior: ConjugatePrior | None = None
    weights: Floats | None = None
    frozen: Frozen | None = None
    floor: Floats | None = None
    repair: ConjugatePrior | None = None

    def repaired(self) -> "Maximiser | None":
        """Return what is maximised after a collapse, None if nothing can help."""
        if self.repair is None:
            return None
        return replace(self, prior=self.repair, repair=None, floor=None)

    def without(self, component: int) -> "Maximiser":
        """Return what is maximised once a component was dropped."""
        weights, frozen = self.weights, self.frozen
        if weights is not None:
            weights = np.delete(weights, component)
            weights /= weights.sum()
        if frozen is not None:
            places = tuple(k - (k > component) for k in frozen.components)
            frozen = replace(frozen, components=places)
        return replace(self, weights=weights, frozen=frozen)

    def hold(self, point: MixtureParameters) -> MixtureParameters:
        """Return a point with what is held where it is held, and noted."""
        weights_held, frozen = self.weights is not None, ()
        if self.weights is not None:
            point = replace(point, weights=self.weights)
        if self.frozen is not None:
            means, covariances = point.means.copy(), point.covariances.copy()
            frozen = self.frozen.components
            means[list(frozen)] = self.frozen.means
            covariances[list(frozen)] = self.frozen.covariances
            point = replace(point, means=means, covariances=covariances)
        return replace(point, weights_held=weights_held, frozen=frozen)

    def hold_as(self, fit: MixtureParameters) -> "Maximiser":
        """Return what is maximised where all is held that a fit holds."""
        places = list(fit.frozen)
        frozen = Frozen(fit.frozen, fit.means[places], fit.covariances[places])
        return replace(
            self,
            weights=fit.weights if fit.weights_held else None,
            frozen=frozen if places else None,
        )

    def is_free(self, n_components: int) -> Floats:
        """Return 1 for every component that may move, 0 for one that is frozen."""
        free = np.ones(n_components)
        if self.frozen is not None:
            free[list(self.frozen.components)] = 0.0
        return free

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
        statistics, shares = _split_off_noise(statistics, at.n_components)
        counts, means, scatters = moments(statistics, at.means)
        if self.prior is not None:
            centres, means = means, self.prior.shrink(counts, means)
            scatters = scatters + counts[:, None, None] * _outer(centres - means)
        covariances, _ = self._covariances(
            at.family, means, scatters, counts, at.covariances
        )
        moved = replace(at, means=means, covariances=covariances)
        return self.hold(moved.with_shares(shares))

    def log_prior(self, at: MixtureParameters) -> float:
        """Return what is added to the log-likelihood."""
        return 0.0 if self.prior is None else self.prior.log_density(at)

    def rows_of_prior(self, at: MixtureParameters) -> float:
        """Return for how many rows of each component the prior stands."""
        return 0.0 if self.prior is None else self.prior.rows(at.family, at.means)[0]

    def gradient_norm(
        self, at: MixtureParameters, whiteners: Floats, statistics: SufficientStatistics
    ) -> float:
        """Return the gradient per observation in coordinates without units.

        With mean = mean_0 + L z and covariance = L (I + E) L^T, L L^T the covariance,
        the gradients are P^T sums and (P^T outer_products P - counts I) / 2; the
        family's estimate projects the latter on the directions the family has. A prior
        adds its rows to the sums, outer products and counts. What is held has none.
        """
        total = statistics.counts.sum()
        statistics, shares = _split_off_noise(statistics, at.n_components)
        counts, sums, outer_products = statistics
        covariances, rows = self._covariances(
            at.family, at.means, outer_products, counts, at.covariances
        )
        if self.prior is not None:
            sums = sums + self.prior.shrinkage * (self.prior.mean - at.means)
        transposed = np.swapaxes(whiteners, -1, -2)
        excess = transposed @ covariances @ whiteners - np.eye(at.n_features)
        pulls = np.einsum("kij,kj->ki", transposed, sums) / total
        free = self.is_free(at.n_components)
        gaps = 0.0 if self.weights is not None else shares - at.shares
        return float(
            max(
                np.abs(gaps).sum(),
                free @ np.linalg.norm(pulls, axis=1),
                0.5 * (free * rows / total) @ np.linalg.norm(excess, axis=(1, 2)),
            )
        )

    def covariance_of_all(self, family: CovarianceFamily, overall: Overall) -> Floats:
        """Return the covariance of one component that has all observations."""
        mean, covariance, n = overall
        scatters, counts = n * covariance[None], np.array([n])
        return self._covariances(family, mean[None], scatters, counts)[0][0]

    def _covariances(self, family, means, scatters, counts, near=None):
        """Return the covariances, and the rows they rest on, those of a prior too."""
        if self.floor is not None:
            scatters = scatters + counts[:, None, None] * self.floor
        if self.prior is not None:
            rows, added = self.prior.rows(family, means)
            counts, scatters = counts + rows, scatters + added
        ridge = self.reg_covar * np.eye(means.shape[1])
        return family.estimate(scatters, counts, near=near) + ridge, counts


def _split_off_noise(statistics, n_components):
    """Return the moments of the components, and what shares of all rows they are."""
    own = SufficientStatistics(*(part[:n_components] for part in statistics))
    return own, statistics.counts / statistics.counts.sum()


def _outer(vectors):
    return vectors[:, :, None] * vectors[:, None, :]
