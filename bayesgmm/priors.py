"""Prior beliefs about a mixture: numbers scaled to the data, in the data's units."""

from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count
from bayesgmm.covariances import covariance_family
from bayesgmm.fittable import check_fittable
from bayesgmm.validation import check_sample_weight, check_table

CONCENTRATION = 1.0
# A prior mean is anywhere in the bulk of the data or a little beyond.
MEANS_IN_STANDARD_DEVIATIONS = 2.0
# 95 % of the prior on a standard deviation is within a factor of 4.3 of its median.
LOG_SD_SCALE = 0.75
LKJ_ETA = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """Independent priors on weights, means, standard deviations and correlations.

    weights ~ Dirichlet(concentration), means ~ Normal(means_location, means_scale),
    standard deviations ~ LogNormal(sds_log_location, sds_log_scale), correlations ~
    LKJ(correlations_eta). The log-normal vanishes at zero faster than any power, so
    the posterior is proper even if observations are tied.

    Attributes
    ----------
    concentration : float
        Of the symmetric Dirichlet distribution.
    means_location, means_scale : array of shape (n_features,)
        In the units of the features.
    sds_log_location : array of shape (n_features,)
        Log of the prior median of a component's standard deviation.
    sds_log_scale : float
    correlations_eta : float
    feature_names : tuple of str
    """

    concentration: float
    means_location: Floats
    means_scale: Floats
    sds_log_location: Floats
    sds_log_scale: float
    correlations_eta: float
    feature_names: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"weights              ~ Dirichlet({self.concentration:g})"]
        columns = zip(
            self.feature_names,
            self.means_location,
            self.means_scale,
            np.exp(self.sds_log_location),
            strict=True,
        )
        for name, location, scale, median in columns:
            lines.append(f"means[{name}] ~ Normal({location:.4g}, {scale:.4g})")
            lines.append(
                f"standard_deviations[{name}] ~ LogNormal(log {median:.4g}, "
                f"{self.sds_log_scale:g})"
            )
        lines.append(f"correlations ~ LKJ({self.correlations_eta:g})")
        return "\n".join(_align(lines))


def _align(lines):
    """Put the tildes below each other."""
    halves = [[half.strip() for half in line.split(" ~ ")] for line in lines]
    width = max(len(left) for left, _ in halves)
    return [f"{left:<{width}} ~ {right}" for left, right in halves]


def default_priors(
    X, n_components: int, covariance_type: str = "full", *, sample_weight=None
) -> Priors:
    """Return weakly informative priors scaled to the data.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    n_components : int
        More components are expected to be narrower: the prior median of a standard
        deviation is that of the column over ``n_components ** (1 / n_features)``, as
        in Fraley and Raftery (2007).
    covariance_type : {"full", "tied", "diag", "spherical"}
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts: a row of weight 0 moves no prior.

    Returns
    -------
    Priors
        Changing the units of a feature changes these numbers and nothing else. For
        "spherical", where features share one standard deviation, they should already
        be in comparable units.

    Raises
    ------
    InputError
        If the data cannot carry a mixture of `n_components`.

    References
    ----------
    .. [1] C. Fraley and A. E. Raftery (2007), *Bayesian regularization for normal
       mixture estimation and model-based clustering*, J. Classification 24:155-181.
    """
    n_components = check_count("n_components", n_components)
    table = check_table(X)
    covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components)
    weight = check_sample_weight(sample_weight, table.n_observations)
    mean = np.average(table.values, axis=0, weights=weight)
    sd = np.sqrt(np.average((table.values - mean) ** 2, axis=0, weights=weight))
    return Priors(
        concentration=CONCENTRATION,
        means_location=mean,
        means_scale=MEANS_IN_STANDARD_DEVIATIONS * sd,
        sds_log_location=np.log(sd) - np.log(n_components) / table.n_features,
        sds_log_scale=LOG_SD_SCALE,
        correlations_eta=LKJ_ETA,
        feature_names=table.feature_names,
    )
