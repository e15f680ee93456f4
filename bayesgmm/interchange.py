"""To scikit-learn's `GaussianMixture` and back."""

from typing import Any

import numpy as np
from sklearn import mixture
from sklearn.utils.validation import check_is_fitted

from bayesgmm.covariances import covariance_family
from bayesgmm.errors import InputError
from bayesgmm.parameters import MixtureParameters, refuse_noise

THEIR_FAMILIES = ("full", "tied", "diag", "spherical")
THEIR_STARTS = ("kmeans", "k-means++", "random", "random_from_data")
# What both fits tell of themselves, and neither needs to predict.
HISTORY = ("converged_", "n_iter_", "lower_bound_", "lower_bounds_")


def from_sklearn(cls: type, fitted: Any) -> Any:
    """Return an estimator `cls` with settings and parameters of scikit-learn's."""
    if not isinstance(fitted, mixture.GaussianMixture):
        raise InputError(
            "fitted",
            "be a sklearn.mixture.GaussianMixture",
            type(fitted).__name__,
            "Scores of a BayesianGaussianMixture are averages over parameters, which "
            "no single mixture gives: fit a GaussianMixture."
            if isinstance(fitted, mixture.BayesianGaussianMixture)
            else "Fit one, or use `from_parameters`.",
        )
    check_is_fitted(fitted)
    theirs: Any = fitted
    family = covariance_family(theirs.covariance_type)
    k, d = theirs.means_.shape
    names = getattr(theirs, "feature_names_in_", [f"x{j}" for j in range(d)])
    parameters = MixtureParameters(
        weights=np.array(theirs.weights_, dtype=np.float64),
        means=np.array(theirs.means_, dtype=np.float64),
        covariances=family.expand(theirs.covariances_, k, d).astype(np.float64),
        covariance_type=family.name,
        feature_names=tuple(names),
    )
    em = cls.from_parameters(parameters).set_params(**fitted.get_params())
    _copy_history(fitted, em)
    return em


def to_sklearn(em: Any) -> mixture.GaussianMixture:
    """Return scikit-learn's estimator with settings and parameters of `em`."""
    parameters = em.parameters_
    refuse_noise(parameters, "for scikit-learn")
    theirs: Any = mixture.GaussianMixture(**_their_settings(em, parameters.family.name))
    for name in em.ARRAYS:
        setattr(theirs, name, getattr(em, name))
    theirs.n_features_in_ = parameters.n_features
    if hasattr(em, "feature_names_in_"):
        theirs.feature_names_in_ = em.feature_names_in_
    _copy_history(em, theirs)
    return theirs


def _their_settings(em, family) -> dict[str, Any]:
    """Return the settings that scikit-learn has too, where it knows the value."""
    theirs = mixture.GaussianMixture().get_params()
    settings = {name: x for name, x in em.get_params().items() if name in theirs}
    settings["covariance_type"] = family if family in THEIR_FAMILIES else "full"
    for name, known in (
        ("tol", settings["tol"] is not None),
        ("init_params", settings["init_params"] in THEIR_STARTS),
    ):
        if not known:
            del settings[name]
    return settings


def _copy_history(source, target):
    for name in HISTORY:
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
