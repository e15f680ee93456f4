"""What a posterior is of: data, a number of components, a family, and priors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.dims import COMPONENT, DIMS, FEATURE, FEATURE_BIS, OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.priors import LogNormalLKJ, Priors, default_priors
from bayesgmm.validation import Table, are_named, check_sample_weight, check_table


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Everything that samplers need to know of a posterior, checked.

    Attributes
    ----------
    table : Table
    n_components : int
        Where their number has a prior, about how many to begin with.
    family : CovarianceFamily
    priors : Priors
    em : MixtureParameters or None
        Where chains begin, and the reference of labels.
    optima : tuple of MixtureParameters
        Good maxima of the likelihood, the best first and `em` among them.
    sample_weight : array of shape (n_observations,) or None
    """

    table: Table
    n_components: int
    family: CovarianceFamily
    priors: Priors
    em: MixtureParameters | None
    optima: tuple[MixtureParameters, ...]
    sample_weight: Floats | None

    @property
    def covariance_type(self) -> str:
        return self.family.name


def make_target(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    priors: Priors | None = None,
    init: Any = None,
    sample_weight=None,
) -> Target:
    """Check what a posterior is of, and complete it with default priors.

    See `bayesgmm.build_model` for the arguments.

    Raises
    ------
    InputError
        If the data cannot carry the mixture, or `init` or `priors` are of another
        shape.
    """
    table = check_table(X)
    n_components = check_count("n_components", n_components)
    family = covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components)
    sample_weight = check_sample_weight(sample_weight, table.n_observations)
    if priors is None:
        priors = default_priors(
            table, n_components, family.name, sample_weight=sample_weight
        )
    _check_priors(priors, table, family)
    priors.check_n_components(n_components)
    em = None if init is None else _check_init(init, table, n_components, family)
    optima = _good_optima(init, em)
    return Target(table, n_components, family, priors, em, optima, sample_weight)


def names(target: Target, n_components: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return coordinates and dimensions of draws, as ArviZ takes them."""
    features = list(target.table.feature_names)
    coords = {
        COMPONENT: np.arange(n_components),
        FEATURE: features,
        FEATURE_BIS: features,
        OBSERVATION: target.table.obs_ids,
    }
    dims = {name: list(value) for name, value in DIMS.items()}
    dims |= {"means_spread": [FEATURE], "covariances_scale": [FEATURE, FEATURE_BIS]}
    return coords, dims | {"x": [OBSERVATION, FEATURE], "sample_weight": [OBSERVATION]}


def data_groups(target: Target) -> dict[str, dict[str, Any]]:
    """Return the groups of a posterior that hold its data."""
    groups: dict[str, dict[str, Any]] = {"observed_data": {"x": target.table.values}}
    if target.sample_weight is not None:
        groups["constant_data"] = {"sample_weight": target.sample_weight}
    return groups


def _check_priors(priors, table, family):
    remedy = "Make them with `default_priors(X, n_components)`."
    if not isinstance(priors, Priors):
        raise InputError("priors", "be Priors", type(priors).__name__, remedy)
    wanted, got = table.n_features, len(priors.feature_names)
    if got != wanted:
        rule = f"have the {wanted} features of `X`"
        raise InputError("priors", rule, f"{got}", remedy)
    _check_names("priors", priors.feature_names, table)
    if not isinstance(priors.covariances, LogNormalLKJ):
        priors.conjugate_covariances(family)


def _check_names(argument, names, table):
    """Refuse what was made from other columns, or the same in another order."""
    if are_named(names) and table.named and tuple(names) != table.feature_names:
        raise InputError(
            argument,
            f"have the features of `X` ({', '.join(table.feature_names)})",
            f"({', '.join(names)})",
            "Make it from the same columns in the same order.",
        )


def _check_init(init, table, n_components, family) -> MixtureParameters:
    parameters: MixtureParameters = as_parameters(init, "init")
    wanted = (n_components, table.n_features, family.name)
    got = (*parameters.means.shape, parameters.covariance_type)
    if got != wanted:
        raise InputError(
            "init",
            "have {} components, {} features and covariance type {!r}".format(*wanted),
            "{} components, {} features and {!r}".format(*got),
            "Fit the EM estimate with the same settings as the model.",
        )
    _check_names("init", parameters.feature_names, table)
    return parameters


def _good_optima(init, em) -> tuple[MixtureParameters, ...]:
    """Return the optima that an estimator's restarts found, its own first."""
    restarts = getattr(init, "restarts_", None)
    if em is None or restarts is None:
        return () if em is None else (em,)
    own = 0 if restarts.spurious else 1
    found = [each.run.parameters for each in restarts.optima if not each.spurious]
    return em, *(one for one in found[own:] if one.n_components == em.n_components)
