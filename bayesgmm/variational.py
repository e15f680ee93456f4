"""Dirichlet weights and normal-inverse-Wishart components, as a prior and as an answer.

With labels known the posterior of a mixture is of the same kind as a conjugate prior.
Variational Bayes looks for the one of that kind, labels independent of parameters, that
is nearest to the posterior.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from bayesgmm._typing import Floats, Quadratics, SufficientStatistics
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.dims import COMPONENT, FEATURE, FEATURE_BIS
from bayesgmm.priors.covariances import (
    as_blocks,
    draw_wishart,
    from_blocks,
    is_shared,
    log_inverse_wishart,
    log_multigamma,
)
from bayesgmm.priors.means import ScaledNormalMeans
from bayesgmm.priors.weights import Dirichlet, draw_dirichlet
from bayesgmm.quadratics import LOG_2PI, invert_cholesky
from bayesgmm.statistics import moments

VARIATIONAL = "variational"
"""The group of a posterior that keeps the fitted distribution itself."""

PARAMETERS = {
    "concentration": [COMPONENT],
    "location": [COMPONENT, FEATURE],
    "shrinkage": [COMPONENT],
    "degrees_of_freedom": [COMPONENT],
    "scale": [COMPONENT, FEATURE, FEATURE_BIS],
}
"""What is in it, with dimensions."""


@dataclass(frozen=True, slots=True, eq=False)
class Variational:
    """A distribution of mixtures, in which components are independent but for weights.

    weights ~ Dirichlet(concentration), means_k | covariances_k ~ Normal(location_k,
    covariances_k / shrinkage_k), covariances_k ~ InverseWishart(degrees_of_freedom_k,
    scale_k) or, in families of variances, as `priors.InverseWishart` has it. What
    components share is drawn once.

    Attributes
    ----------
    family : CovarianceFamily
        One whose free parts are whole matrices or whole variances.
    concentration, shrinkage, degrees_of_freedom : array of shape (n_components,)
    location : array of shape (n_components, n_features)
    scale : array of shape (n_components, n_features, n_features)
        As its family has it: the same for all, diagonal, or balls.

    References
    ----------
    .. [1] C. M. Bishop (2006), *Pattern Recognition and Machine Learning*, section
       10.2.
    """

    family: CovarianceFamily
    concentration: Floats
    location: Floats
    shrinkage: Floats
    degrees_of_freedom: Floats
    scale: Floats

    @property
    def quadratics(self) -> Quadratics:
        """Expected log-joint densities of a row and its component (eq. 10.46)."""
        k, d = self.location.shape
        expected = self.scale / self.degrees_of_freedom[:, None, None]
        log_precisions = self._of_features * self._blocks[2].sum(axis=-1)
        log_weights = digamma(self.concentration) - digamma(self.concentration.sum())
        spread = d * (LOG_2PI + 1.0 / self.shrinkage)
        offsets = log_weights + 0.5 * (log_precisions - spread)
        return Quadratics(
            np.broadcast_to(offsets, k).copy(), self.location, invert_cholesky(expected)
        )

    def update(self, statistics: SufficientStatistics, means: Floats) -> "Variational":
        """Return the posterior of which this is the prior, given shares of rows.

        Parameters
        ----------
        statistics : SufficientStatistics
        means : array of shape (n_components, n_features)
            On which they are centred.
        """
        counts, centres, scatters = moments(statistics, means)
        shrinkage, gaps = self.shrinkage + counts, centres - self.location
        pull = self.shrinkage / shrinkage
        between = gaps[:, :, None] * gaps[:, None, :]
        scatters = scatters + (pull * counts)[:, None, None] * between
        if is_shared(self.family):
            scatters, rows = scatters.sum(axis=0, keepdims=True), counts.sum()
        else:
            rows = counts
        added = self._of_features * as_blocks(scatters, self.family)
        return replace(
            self,
            concentration=self.concentration + counts,
            location=centres - pull[:, None] * gaps,
            shrinkage=shrinkage,
            degrees_of_freedom=self.degrees_of_freedom + self._of_features * rows,
            scale=self.scale + from_blocks(added, *self.location.shape),
        )

    def divergence(self, prior: "Variational") -> float:
        """Return the Kullback-Leibler divergence from `prior` to this, in nats."""
        ours, theirs = self.concentration, prior.concentration
        expected = digamma(ours) - digamma(ours.sum())
        of_weights = ((ours - theirs) * expected).sum()
        of_weights += _log_beta(theirs) - _log_beta(ours)
        d, whiteners = self.location.shape[1], self.quadratics.precisions_cholesky
        gaps = ((self.location - prior.location)[:, None, :] @ whiteners)[:, 0]
        ratio = prior.shrinkage / self.shrinkage
        of_means = prior.shrinkage * (gaps**2).sum(-1) + d * (ratio - 1 - np.log(ratio))
        return float(of_weights + 0.5 * of_means.sum() + self._of_covariances(prior))

    def _of_covariances(self, prior) -> float:
        """The part of the divergence that is of the covariances."""
        (ours, n, logs), (theirs, m, _) = self._blocks, prior._blocks
        p = ours.shape[-1]
        traces = np.trace(np.linalg.solve(ours, theirs), axis1=-2, axis2=-1)
        total = n * np.linalg.slogdet(ours)[1] - m * np.linalg.slogdet(theirs)[1]
        total += (n - m) * (logs - p * np.log(2.0)) + n * (traces - p)
        total += 2.0 * (log_multigamma(m / 2, p) - log_multigamma(n / 2, p))
        return float(0.5 * total.sum())

    def draw(self, rng, n_draws: int) -> dict[str, Floats]:
        """Draw weights, means and covariances, with a leading axis of draws."""
        k, d = self.location.shape
        each = np.broadcast_to(self.concentration, (n_draws, k))
        blocks, degrees, _ = self._blocks
        precisions = np.broadcast_to(np.linalg.inv(blocks), (n_draws, *blocks.shape))
        drawn = np.linalg.inv(draw_wishart(rng, degrees[..., None], precisions))
        covariances = from_blocks(drawn, k, d)
        lower = np.linalg.cholesky(covariances / self.shrinkage[:, None, None])
        noise = rng.standard_normal((n_draws, k, d, 1))
        return {
            "weights": draw_dirichlet(rng, each),
            "means": self.location + (lower @ noise)[..., 0],
            "covariances": covariances,
        }

    def log_density(self, values: dict[str, Floats]) -> Floats:
        """Return the log density of draws, with respect to what `Priors` takes."""
        blocks, degrees, _ = self._blocks
        covariances = values["covariances"]
        scaled = covariances / self.shrinkage[:, None, None]
        means = ScaledNormalMeans(self.location, 1.0)
        total = Dirichlet(self.concentration).log_density(values)
        total = total + means.log_density(values | {"covariances": scaled})
        drawn = as_blocks(covariances, self.family)
        return total + log_inverse_wishart(drawn, degrees, blocks)

    def permute(self, order) -> "Variational":
        """Return the same with component ``order[k]`` at place k."""
        names = [name for name in self.__dataclass_fields__ if name != "family"]
        return replace(self, **{name: getattr(self, name)[order] for name in names})

    @property
    def _blocks(self) -> tuple[Floats, Floats, Floats]:
        """Free matrices, their degrees of freedom, expected log det of their inverses.

        Of shapes (copies, blocks, p, p), (copies, 1) and (copies, blocks).
        """
        blocks = as_blocks(self.scale, self.family)
        copies, _, p, _ = blocks.shape
        degrees = self.degrees_of_freedom[:copies, None]
        logs = digamma((degrees - np.arange(p)) / 2).sum(-1, keepdims=True)
        logs = logs + p * np.log(2.0) - np.linalg.slogdet(blocks)[1]
        return blocks, degrees, logs

    @property
    def _of_features(self) -> int:
        """For how many features each free block stands: balls have one for all."""
        _, blocks, p, _ = as_blocks(self.scale, self.family).shape
        return self.location.shape[1] // (blocks * p)


def read_variational(posterior: Any) -> Variational | None:
    """Return what was fitted, where draws are of it and of all its features."""
    if VARIATIONAL not in posterior.children:
        return None
    group, attrs = posterior[VARIATIONAL], posterior["posterior"].attrs
    values = {
        name: group[name].transpose(*dims).values for name, dims in PARAMETERS.items()
    }
    if values["location"].shape[1] != attrs["n_features"]:
        return None
    return Variational(covariance_family(attrs["covariance_type"]), **values)


def _log_beta(concentration):
    return gammaln(concentration).sum() - gammaln(concentration.sum())


def predictive_log_density(fit: Variational, X: Floats) -> Floats:
    """Return the log density of new rows, parameters integrated out.

    Under the variational distribution it is a mixture of Student's t distributions [1]_
    or, where features are independent within components, of products of them.

    Parameters
    ----------
    fit : Variational
    X : array of shape (n_observations, n_features)

    Returns
    -------
    array of shape (n_observations,)

    References
    ----------
    .. [1] C. M. Bishop (2006), *Pattern Recognition and Machine Learning*, eq. 10.81.
    """
    blocks = as_blocks(fit.scale, fit.family)
    p = blocks.shape[-1]
    degrees = fit.degrees_of_freedom - p + 1
    spread = (1 + 1 / fit.shrinkage) / degrees
    whiteners = invert_cholesky(fit.scale * spread[:, None, None])
    log_weights = np.log(fit.concentration) - np.log(fit.concentration.sum())
    total = np.full(len(X), -np.inf)
    for k, log_weight in enumerate(log_weights):
        squares = ((X - fit.location[k]) @ whiteners[k]) ** 2
        squares = squares.reshape(len(X), blocks.shape[1], -1).sum(-1)
        log_root = np.log(np.diag(whiteners[k])).sum()
        of_rows = _log_student(squares, degrees[k], X.shape[1] // blocks.shape[1])
        total = np.logaddexp(total, log_weight + log_root + of_rows)
    return total


def _log_student(squares, degrees, n_features):
    """Student's t of whitened rows, a product over the last axis of `squares`."""
    half = (degrees + n_features) / 2
    constant = gammaln(half) - gammaln(degrees / 2)
    constant -= 0.5 * n_features * np.log(degrees * np.pi)
    return (constant - half * np.log1p(squares / degrees)).sum(-1)
