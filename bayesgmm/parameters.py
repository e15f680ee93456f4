"""The parameters of a mixture: one immutable value that everything passes on."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.errors import InputError
from bayesgmm.quadratics import build_quadratics, invert_cholesky


@dataclass(frozen=True, slots=True, eq=False)
class MixtureParameters:
    """Weights, means and covariances of a Gaussian mixture.

    Attributes
    ----------
    weights : array of shape (n_components,)
    means : array of shape (n_components, n_features)
    covariances : array of shape (n_components, n_features, n_features)
        Full matrices, whatever the family.
    covariance_type : str
    feature_names : tuple of str
    """

    weights: Floats
    means: Floats
    covariances: Floats
    covariance_type: str
    feature_names: tuple[str, ...]

    @property
    def n_components(self) -> int:
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        return self.means.shape[1]

    @property
    def family(self) -> CovarianceFamily:
        """What `covariance_type` stands for."""
        return covariance_family(self.covariance_type)

    @property
    def n_parameters(self) -> int:
        """Free numbers: weights, means and what the family counts."""
        k, d = self.means.shape
        return k - 1 + k * d + self.family.n_parameters(k, d)

    @property
    def precisions_cholesky(self) -> Floats:
        """Upper triangular P, precision = P P^T, shaped like `covariances`."""
        return invert_cholesky(self.covariances)

    @property
    def quadratics(self) -> Quadratics:
        """The mixture as the kernels see it."""
        return build_quadratics(self.weights, self.means, self.precisions_cholesky)

    def permute(self, order) -> "MixtureParameters":
        """Return the same mixture with component ``order[k]`` at place k.

        Parameters
        ----------
        order : array-like of int, shape (n_components,)
            A permutation of 0, 1, ...
        """
        order = np.asarray(order)
        return replace(
            self,
            weights=self.weights[order],
            means=self.means[order],
            covariances=self.covariances[order],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and strings, ready for JSON."""
        return {
            "covariance_type": self.covariance_type,
            "feature_names": list(self.feature_names),
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "covariances": self.covariances.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "MixtureParameters":
        """Undo `to_dict`."""
        return cls(
            weights=np.array(content["weights"], dtype=np.float64),
            means=np.array(content["means"], dtype=np.float64),
            covariances=np.array(content["covariances"], dtype=np.float64),
            covariance_type=content["covariance_type"],
            feature_names=tuple(content["feature_names"]),
        )


def as_parameters(em: Any, argument: str = "em") -> MixtureParameters:
    """Return the parameters of a fitted estimator, or parameters as they are."""
    parameters = getattr(em, "parameters_", em)
    if isinstance(parameters, MixtureParameters):
        return parameters
    raise InputError(
        argument,
        "be a fitted GaussianMixture or MixtureParameters",
        type(em).__name__,
        "Call `.fit(X)` on it first.",
    )
