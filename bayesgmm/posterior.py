"""Draws of a mixture as an `xarray.DataTree`, and back to plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.dims import (
    CHAIN,
    COMPONENT,
    DIMS,
    DRAW,
    FEATURE,
    FEATURE_BIS,
    N_COMPONENTS,
    N_FILLED,
    SAMPLE_DIMS,
)
from bayesgmm.errors import InputError
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.validation import Table, are_named, check_features, check_table

POSTERIOR, SAMPLE_STATS, RELABELLING = "posterior", "sample_stats", "relabelling"
LOG_LIKELIHOOD = "log_likelihood"
OF_ALL_DRAWS = ("size", "variational")
"""Groups of what a method says once, so that chain and draw are no dimensions."""
APPROXIMATE = "approximate"
"""Attribute of the group posterior: 1 if its draws are from an approximation."""
PARETO_K = "pareto_k"
"""Attribute of the group posterior: how rough that is; see `importance.pareto_k`."""
STANDARD_ERROR_FACTOR, BIAS_FACTOR = "standard_error_factor", "bias_factor"
"""Attributes of the group posterior, where its draws are replicates of a fit."""
CONSTANT_DATA = "constant_data"
DATA_GROUPS = (CONSTANT_DATA, "observed_data")
SAMPLE_WEIGHT = "sample_weight"


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Posterior draws as plain arrays, chains one after the other.

    Attributes
    ----------
    weights : array of shape (n_samples, n_components)
    means : array of shape (n_samples, n_components, n_features)
    covariances : array of shape (n_samples, n_components, n_features, n_features)
    n_chains, n_draws : int
        ``n_samples = n_chains * n_draws``.
    feature_names : tuple of str
    components : array of shape (n_components,)
        The labels of the component coordinate.
    stretch : float
        What makes of their standard deviation that of the parameters. It is 1, but
        not for replicates of a jackknife.
    of_one_size : bool
        Whether all have the same components. Otherwise those that a draw lacks have
        weight zero.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    n_chains: int
    n_draws: int
    feature_names: tuple[str, ...]
    components: np.ndarray
    stretch: float = 1.0
    of_one_size: bool = True

    @property
    def n_samples(self) -> int:
        return self.weights.shape[0]

    @property
    def n_components(self) -> int:
        return self.weights.shape[1]

    @property
    def n_features(self) -> int:
        return self.means.shape[2]

    @property
    def quadratics(self) -> Quadratics:
        """Quadratic forms with a leading axis of samples."""
        try:
            precisions_cholesky = invert_cholesky(self.covariances)
        except np.linalg.LinAlgError:
            raise _not_positive_definite(self) from None
        return build_quadratics(self.weights, self.means, precisions_cholesky)


def read_draws(posterior: Any) -> Draws:
    """Read weights, means and covariances out of a posterior.

    Parameters
    ----------
    posterior : xarray.DataTree
        With a group ``posterior`` that holds the variables of `DIMS`.

    Raises
    ------
    InputError
        If it is no DataTree, a variable or dimension is missing or not finite, or the
        number of components was drawn.
    """
    draws = read_mixtures(posterior)
    if draws.of_one_size:
        return draws
    raise InputError(
        "posterior",
        "have a known number of components",
        "draws of different numbers of them",
        "Take those of one number with `bayesgmm.condition_on_filled(posterior)`.",
    )


def read_mixtures(posterior: Any) -> Draws:
    """Read draws as `read_draws` does, of one number of components or of many.

    It is for what only the density of a draw matters to.

    Parameters
    ----------
    posterior : xarray.DataTree
    """
    group = posterior_group(posterior)
    of_one_size = N_FILLED not in group
    group = group if of_one_size else _without_absent(group)
    arrays = {name: _read(group, name, dims) for name, dims in DIMS.items()}
    coords = group.coords
    n_chains, n_draws = group.sizes[CHAIN], group.sizes[DRAW]
    k, d = arrays["means"].shape[-2:]
    components = coords[COMPONENT].values if COMPONENT in coords else np.arange(k)
    features = coords[FEATURE].values if FEATURE in coords else np.arange(d)
    flat = {name: x.reshape(-1, *x.shape[2:]) for name, x in arrays.items()}
    return Draws(
        **flat,
        n_chains=n_chains,
        n_draws=n_draws,
        feature_names=tuple(map(str, features)),
        components=components,
        stretch=float(group.attrs.get(STANDARD_ERROR_FACTOR, 1.0)),
        of_one_size=of_one_size,
    )


def _without_absent(group: xr.Dataset) -> xr.Dataset:
    """Give numbers to components that a draw lacks; their weight is zero."""
    places = xr.DataArray(np.arange(group.sizes[COMPONENT]), dims=[COMPONENT])
    present = places < group[N_COMPONENTS]
    unit = xr.DataArray(np.eye(group.sizes[FEATURE]), dims=[FEATURE, FEATURE_BIS])
    return group.assign(
        means=group["means"].where(present, 0.0),
        covariances=group["covariances"].where(present, unit),
    )


def _not_positive_definite(draws: Draws) -> InputError:
    lowest = np.linalg.eigvalsh(draws.covariances)[..., 0].min(axis=-1)
    chain, draw = divmod(int(lowest.argmin()), draws.n_draws)
    return InputError(
        "posterior",
        "have positive definite covariances",
        f"an eigenvalue {lowest.min():.3g} at chain {chain}, draw {draw}",
        "Drop these draws with `posterior.isel(draw=...)`.",
    )


def posterior_group(posterior: Any) -> xr.Dataset:
    """Return the group ``posterior`` of a DataTree as a Dataset, checked."""
    if not isinstance(posterior, xr.DataTree) or POSTERIOR not in posterior.children:
        raise InputError(
            "posterior",
            "be an xarray.DataTree with a group 'posterior'",
            type(posterior).__name__,
            "Pass what `bayesgmm.sample` or `pm.sample` returned.",
        )
    return posterior[POSTERIOR].to_dataset()


def sample_stat(posterior: xr.DataTree, name: str) -> np.ndarray | None:
    """Return a (chain, draw) variable of ``sample_stats``, None if there is none."""
    if SAMPLE_STATS not in posterior.children or name not in posterior[SAMPLE_STATS]:
        return None
    return posterior[SAMPLE_STATS][name].transpose(*SAMPLE_DIMS).values


def observations_of(
    posterior: xr.DataTree, feature_names: Sequence[str], X: Any = None
) -> Table:
    """Return `X` as a checked table, or the data that the posterior itself holds.

    Parameters
    ----------
    posterior : xarray.DataTree
    feature_names : sequence of str
        Of its draws.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the only variable of that many features in the groups of
        `DATA_GROUPS`.

    Raises
    ------
    InputError
        If the features are not those of the posterior, or there are no data at all.
    """
    n_features = len(feature_names)
    if X is None:
        X = _stored_data(posterior, n_features)
    if X is None:
        raise InputError(
            "X",
            "be given where the posterior does not hold its data",
            f"no single table of {n_features} features in {' or '.join(DATA_GROUPS)}",
            "Pass the observations of the fit as `X`.",
        )
    table = check_table(X)
    check_features(table, feature_names, are_named(feature_names))
    return table


def fitted_observations(
    posterior: xr.DataTree, feature_names: Sequence[str], X: Any = None
) -> Table:
    """Return the observations that the posterior was fitted to, as a checked table.

    Parameters
    ----------
    posterior, feature_names, X
        As for `observations_of`.

    Raises
    ------
    InputError
        As in `observations_of`, and if `X` is not what the posterior holds.
    """
    table = observations_of(posterior, feature_names, X)
    held = _stored_data(posterior, len(feature_names))
    if X is None or held is None:
        return table
    stored, given = held.values, table.values
    same = stored.shape == given.shape and (stored == given).all(axis=1)
    if np.all(same):
        return table
    raise InputError(
        "X",
        "be the observations of the fit, in their order",
        f"other values, the first in row {np.argmin(same)}"
        if np.ndim(same)
        else f"{table.n_observations} rows where the posterior holds {len(stored)}",
        "Leave `X` out: the posterior holds its data.",
    )


def fitted_sample_weight(posterior: xr.DataTree, n_observations: int) -> Floats:
    """Return the weight of each row in the fit: what the posterior holds, or ones."""
    held = posterior.children.get(CONSTANT_DATA, {})
    if SAMPLE_WEIGHT not in held:
        return np.ones(n_observations)
    return np.asarray(held[SAMPLE_WEIGHT], dtype=np.float64)


def _stored_data(posterior, n_features):
    """Return the only table of so many features, None if there is none."""
    for group in DATA_GROUPS:
        variables = posterior[group].data_vars if group in posterior.children else {}
        tables = [
            variable
            for variable in variables.values()
            if variable.ndim == 2 and variable.shape[1] == n_features
        ]
        if len(tables) == 1:
            return tables[0]
    return None


def matching_parameters(
    em: Any, draws: Draws, argument: str = "em"
) -> MixtureParameters:
    """Return the parameters of `em`, refused if of another size than the draws."""
    parameters = as_parameters(em, argument)
    for size in ("n_components", "n_features"):
        ours, theirs = getattr(draws, size), getattr(parameters, size)
        if ours != theirs:
            raise InputError(
                argument,
                f"have the {ours} {size[2:]} of the posterior",
                f"{theirs}",
                f"Fit it with the same {size[2:]} as the model.",
            )
    names = parameters.feature_names, draws.feature_names
    if names[0] != names[1] and all(map(are_named, names)):
        raise InputError(
            argument,
            f"have the features of the posterior ({', '.join(names[1])})",
            f"({', '.join(names[0])})",
            "Fit both on the same columns in the same order.",
        )
    return parameters


def _read(group, name, dims):
    expected = (*SAMPLE_DIMS, *dims)
    if name not in group or set(group[name].dims) != set(expected):
        found = group[name].dims if name in group else "no such variable"
        raise InputError(
            "posterior",
            f"hold `{name}` with dimensions {expected}",
            f"{found}",
            "Build the model with `bayesgmm.build_model`, or name the dimensions so.",
        )
    values = group[name].transpose(*expected).values.astype(np.float64)
    if not np.isfinite(values).all():
        chain, draw = np.argwhere(~np.isfinite(values))[0][:2]
        raise InputError(
            "posterior",
            "be finite",
            f"a non-finite `{name}` at chain {chain}, draw {draw}",
            "Drop these draws with `posterior.isel(draw=...)`.",
        )
    return values


def build_posterior(groups, coords, dims, attrs) -> xr.DataTree:
    """Name arrays of shape (n_chains, n_draws, ...) as a DataTree in ArviZ's groups.

    Parameters
    ----------
    groups : dict of dict of arrays
        By group and variable.
    coords, dims : dict
        As ArviZ takes them. Log-likelihoods have the rows of their variable.
    attrs : dict
        Kept on the group ``posterior``.
    """
    import arviz_base as az

    pointwise = groups.get(LOG_LIKELIHOOD, {})
    rows = {name: dims[name][:1] for name in pointwise if name in dims}
    tree = xr.DataTree()
    for name, arrays in groups.items():
        group_dims = dims | rows if name == LOG_LIKELIHOOD else dims
        draws = [] if name in OF_ALL_DRAWS else SAMPLE_DIMS
        tree.update(
            az.from_dict(
                {name: arrays}, coords=coords, dims=group_dims, sample_dims=draws
            )
        )
    tree[POSTERIOR].attrs.update(attrs)
    return tree
