"""What a posterior is of: data, a number of components, a family, and priors."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_count
from bayesgmm.chunks import is_chunked
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.dims import (
    ALLOWED,
    COMPONENT,
    DIMS,
    FEATURE,
    FEATURE_BIS,
    NOISE_CORNER,
    NOISE_EDGES,
    OBSERVATION,
)
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.known_labels import check_labels, interchangeable
from bayesgmm.noise import Noise, check_noise, find_box, refuse_noise_and_gaps
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.patterns import Groups, group_rows
from bayesgmm.priors import LogNormalLKJ, Priors, default_priors
from bayesgmm.priors.presets import sketched_priors
from bayesgmm.sketch import Sketch, refuse_gaps, sketch
from bayesgmm.validation import (
    MISSING,
    Table,
    are_named,
    check_sample_weight,
    check_table,
)
from bayesgmm.weight_kinds import WeightKind
from bayesgmm.weight_kinds import weight_kind as kind_of_weights

START_OF_NOISE = 0.01
"""Its weight where chains begin at an estimate that has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Everything that samplers need to know of a posterior, checked.

    Attributes
    ----------
    table : Table
        The rows; of lazy ones a sample.
    n_components : int
        Where their number has a prior, about how many to begin with.
    family : CovarianceFamily
    priors : Priors
    em : MixtureParameters or None
        Where chains begin, and the reference of labels.
    optima : tuple of MixtureParameters
        Good maxima of the likelihood, the best first and `em` among them.
    sample_weight : array of shape (n_observations,) or None
        Of the rows of the table.
    allowed : array of bool, shape (n_observations, n_components), or None
        Which components each row may come from; None if nothing is known.
    noise : Noise or None
        The box of a component of uniform density.
    sketch : Sketch or None
        All rows, if they are lazy.
    """

    table: Table
    n_components: int
    family: CovarianceFamily
    priors: Priors
    em: MixtureParameters | None
    optima: tuple[MixtureParameters, ...]
    sample_weight: Floats | None
    allowed: Any = None
    noise: Noise | None = None
    sketch: Sketch | None = None

    @property
    def n_observations(self) -> int:
        """All rows, also those that are not in the table."""
        lazy = self.sketch
        return lazy.chunks.n_observations if lazy else self.table.n_observations

    @property
    def variances(self) -> Floats:
        """Of the columns."""
        if self.sketch is not None:
            return np.diag(self.sketch.extent.covariance)
        return np.nanvar(self.table.values, axis=0)

    @property
    def covariance_type(self) -> str:
        return self.family.name

    @property
    def has_gaps(self) -> bool:
        return bool(np.isnan(self.table.values.min()))

    @property
    def is_plain(self) -> bool:
        """Whether there are neither gaps, nor labels, nor noise."""
        return not (self.has_gaps or self.allowed is not None or self.noise)

    @property
    def kept(self) -> dict[str, tuple[tuple[str, ...], Any]]:
        """What posteriors must keep of labels and noise: dimensions and values."""
        kept: dict[str, tuple[tuple[str, ...], Any]] = {}
        if self.allowed is not None:
            kept[ALLOWED] = (OBSERVATION, COMPONENT), self.allowed.astype(np.int8)
        if self.noise is not None:
            kept[NOISE_CORNER] = (FEATURE,), self.noise.corner
            kept[NOISE_EDGES] = (FEATURE_BIS, FEATURE), self.noise.edges
        return kept

    @property
    def groups(self) -> Groups:
        """The rows, by what was observed of them and where they may come from."""
        X, noisy = self.table.values, self.noise is not None
        return group_rows(X, self.allowed, self.n_components, noisy=noisy)

    @property
    def is_exchangeable(self) -> bool:
        """Whether the posterior is the same for all orders of the components."""
        classes = interchangeable(self.allowed, self.n_components)
        return self.priors.is_exchangeable and not classes.any()

    @property
    def noise_concentration(self) -> tuple[float, float]:
        """Of noise and of all else: ``noise_weight ~ Beta`` of these.

        With it the shares of `n_components` and of noise are uniform on the simplex
        where the weights of components alone are.
        """
        return 1.0, float(self.n_components)


class _Rows(NamedTuple):
    """What of the rows is in memory, and all of them if they are lazy."""

    table: Table
    sample_weight: Floats | None
    lazy: Sketch | None


def make_target(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    priors: Priors | None = None,
    init: Any = None,
    sample_weight=None,
    weight_kind: str = "frequency",
    labels=None,
    missing: str = "error",
    noise=None,
    kind: str = "default",
) -> Target:
    """Check what a posterior is of, and complete it with default priors of a `kind`.

    See `bayesgmm.build_model` for the other arguments.

    Raises
    ------
    InputError
        If the data cannot carry the mixture, or `init` or `priors` are of another
        shape.
    """
    n_components = check_count("n_components", n_components)
    missing = check_choice("missing", missing, MISSING)
    if is_chunked(X):
        _refuse_of_rows(missing, labels, noise, init)
    rows = _read(X, missing, sample_weight, kind_of_weights(weight_kind))
    table, sample_weight, lazy = rows
    family = covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components)
    allowed = check_labels(labels, table.n_observations, n_components)
    box = _find_noise(noise, init, table, sample_weight)
    if priors is None:
        priors = _default_priors(rows, n_components, family, kind)
    _check_priors(priors, table, family)
    priors.check_n_components(n_components)
    em = None if init is None else _check_init(init, table, n_components, family, box)
    return Target(
        table,
        n_components,
        family,
        priors,
        em,
        _good_optima(init, em),
        sample_weight,
        None if allowed is None or allowed.all() else allowed,
        box,
        lazy,
    )


def _refuse_of_rows(missing, labels, noise, init):
    """Refuse what the posterior of lazy rows does not know."""
    refuse_gaps(missing)
    box = getattr(getattr(init, "parameters_", init), "noise", None)
    noise = box if noise is None else noise
    for argument, value in {"labels": labels, "noise": noise}.items():
        if value is not None:
            raise InputError(
                argument,
                "be None for the posterior of lazy rows",
                "something else",
                "Draw from a sample in memory, `X[:100_000].compute()`.",
            )


def _read(X, missing, sample_weight, kind: WeightKind) -> _Rows:
    if is_chunked(X):
        lazy = sketch(X, sample_weight, kind)
        return _Rows(lazy.sample, lazy.sample_weight, lazy)
    table = check_table(X, missing)
    sample_weight = check_sample_weight(sample_weight, table.n_observations)
    if sample_weight is not None:
        sample_weight = kind.rescale(sample_weight)
    return _Rows(table, sample_weight, None)


def _default_priors(rows: _Rows, n_components, family, kind) -> Priors:
    if rows.lazy is not None:
        return sketched_priors(rows.lazy, n_components, family.name, kind)
    table, weight, _ = rows
    return default_priors(
        table, n_components, family.name, kind=kind, sample_weight=weight
    )


def names(target: Target, n_components: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return coordinates and dimensions of draws, as ArviZ takes them."""
    features = list(target.table.feature_names)
    coords = {
        COMPONENT: np.arange(n_components),
        FEATURE: features,
        FEATURE_BIS: features,
    }
    if target.sketch is None:
        coords[OBSERVATION] = target.table.obs_ids
    dims = {name: list(value) for name, value in DIMS.items()}
    dims |= {"means_spread": [FEATURE], "covariances_scale": [FEATURE, FEATURE_BIS]}
    dims |= {name: list(own) for name, (own, _) in target.kept.items()}
    return coords, dims | {"x": [OBSERVATION, FEATURE], "sample_weight": [OBSERVATION]}


def data_groups(target: Target) -> dict[str, dict[str, Any]]:
    """Return the groups of a posterior that hold its data; nothing of lazy rows."""
    if target.sketch is not None:
        return {}
    groups: dict[str, dict[str, Any]] = {"observed_data": {"x": target.table.values}}
    constant = {name: values for name, (_, values) in target.kept.items()}
    if target.sample_weight is not None:
        constant["sample_weight"] = target.sample_weight
    return groups | ({"constant_data": constant} if constant else {})


def tell(target: Target | None) -> dict[str, Any]:
    """Return what tells a posterior from others, by the names that users know."""
    if target is None:
        return {}
    lazy = target.sketch
    return {
        "X": target.table.values,
        "feature_names": target.table.feature_names,
        "sample_weight": target.sample_weight,
        "labels": target.allowed,
        "noise": target.noise,
        "n_components": target.n_components,
        "covariance_type": target.covariance_type,
        "priors": target.priors,
        "init": target.em and target.em.to_dict(),
    } | ({} if lazy is None else lazy.tell())


def _find_noise(noise, init, table, sample_weight) -> Noise | None:
    """Return the box of noise: that of `init` unless another is asked for."""
    check_noise(noise)
    box = getattr(getattr(init, "parameters_", init), "noise", None)
    if noise is not None or isinstance(box, Noise):
        refuse_noise_and_gaps(noise, np.isnan(table.values.min()))
    return box if noise is None else find_box(table.values, noise, sample_weight)


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


def _check_init(init, table, n_components, family, box) -> MixtureParameters:
    parameters: MixtureParameters = as_parameters(init, "init", noisy=box is not None)
    parameters = _with_box(parameters, box)
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


def _with_box(mixture: MixtureParameters, box: Noise | None) -> MixtureParameters:
    """Return a mixture with noise in this box, of its weight if it had noise."""
    if box is None:
        return mixture
    if mixture.noise is None:
        return mixture.add_noise(box, START_OF_NOISE)
    return replace(mixture, noise=replace(box, weight=mixture.noise.weight))


def _good_optima(init, em) -> tuple[MixtureParameters, ...]:
    """Return the optima that an estimator's restarts found, its own first."""
    restarts = getattr(init, "restarts_", None)
    if em is None or restarts is None:
        return () if em is None else (em,)
    own = 0 if restarts.spurious else 1
    found = [each.run.parameters for each in restarts.optima if not each.spurious]
    alike = (one for one in found[own:] if one.n_components == em.n_components)
    return em, *(_with_box(one, em.noise) for one in alike)
