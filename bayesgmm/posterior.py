"""Draws of a mixture as an `xarray.DataTree`, and back to plain arrays."""

from dataclasses import dataclass, replace
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
from bayesgmm.kept import read_noise
from bayesgmm.noise import Noise, share_names
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.validation import are_named

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
    noise : Noise or None
        The box of a component of uniform density.
    noise_weight : array of shape (n_samples,) or None
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
    noise: Noise | None = None
    noise_weight: Floats | None = None

    @property
    def n_samples(self) -> int:
        return self.weights.shape[0]

    @property
    def n_components(self) -> int:
        return self.weights.shape[1]

    @property
    def n_shares(self) -> int:
        """Components, and noise if there is any."""
        return self.n_components + (self.noise is not None)

    @property
    def share_names(self) -> np.ndarray:
        """As of `bayesgmm.noise.share_names`."""
        return share_names(self.components, self.noise)

    @property
    def n_features(self) -> int:
        return self.means.shape[2]

    @property
    def quadratics(self) -> Quadratics:
        """Quadratic forms with a leading axis of samples; noise is the last."""
        try:
            precisions_cholesky = invert_cholesky(self.covariances)
        except np.linalg.LinAlgError:
            raise _not_positive_definite(self) from None
        own = build_quadratics(self.weights, self.means, precisions_cholesky)
        return own if self.noise is None else self.noise.join(own, self.noise_weight)

    def take(self, samples) -> "Draws":
        """Return some of the draws, as one chain."""
        weight = self.noise_weight
        return replace(
            self,
            weights=self.weights[samples],
            means=self.means[samples],
            covariances=self.covariances[samples],
            noise_weight=None if weight is None else weight[samples],
            n_chains=1,
            n_draws=len(samples),
        )

    def first(self, n_components: int) -> "Draws":
        """Return the draws without the components that come after so many."""
        return replace(
            self,
            weights=self.weights[:, :n_components],
            means=self.means[:, :n_components],
            covariances=self.covariances[:, :n_components],
            components=self.components[:n_components],
        )

    def only(self, mixture: MixtureParameters) -> "Draws":
        """Return a mixture of as many components in place of all draws."""
        noise = mixture.noise
        return replace(
            self,
            weights=mixture.weights[None],
            means=mixture.means[None],
            covariances=mixture.covariances[None],
            noise=noise,
            noise_weight=None if noise is None else np.array([noise.weight]),
            n_chains=1,
            n_draws=1,
        )


def read_draws(posterior: Any, *, noisy: bool = False) -> Draws:
    """Read weights, means and covariances out of a posterior.

    Parameters
    ----------
    posterior : xarray.DataTree
        With a group ``posterior`` that holds the variables of `DIMS`.
    noisy : bool
        Whether the caller has a place for noise, which is refused if not.

    Raises
    ------
    InputError
        If it is no DataTree, a variable or dimension is missing or not finite, or the
        number of components was drawn.
    """
    draws = read_mixtures(posterior, noisy=noisy)
    if draws.of_one_size:
        return draws
    raise InputError(
        "posterior",
        "have a known number of components",
        "draws of different numbers of them",
        "Take those of one number with `bayesgmm.condition_on_filled(posterior)`.",
    )


def read_mixtures(posterior: Any, *, noisy: bool = False) -> Draws:
    """Read draws as `read_draws` does, of one number of components or of many.

    It is for what only the density of a draw matters to.

    Parameters
    ----------
    posterior : xarray.DataTree
    noisy : bool
        As for `read_draws`.
    """
    group = posterior_group(posterior)
    of_one_size = N_FILLED not in group
    noise, noise_weight = read_noise(posterior, group)
    if noise is not None and not noisy:
        raise InputError(
            "posterior",
            "be of a mixture without noise here",
            "draws with a `noise_weight`",
            "Sample with `noise=None`, for example rows that `membership` does not "
            "label -1.",
        )
    group = group if of_one_size else _without_absent(group)
    arrays = {name: _read(group, name, dims) for name, dims in DIMS.items()}
    coords = group.coords
    n_chains, n_draws = group.sizes[CHAIN], group.sizes[DRAW]
    if not n_chains * n_draws:
        raise InputError(
            "posterior", "hold draws", "none", "Keep some with `posterior.isel`."
        )
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
        noise=noise,
        noise_weight=noise_weight,
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


def matching_parameters(
    em: Any, draws: Draws, argument: str = "em"
) -> MixtureParameters:
    """Return the parameters of `em`, refused if of another size than the draws."""
    parameters = as_parameters(em, argument, noisy=draws.noise is not None)
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
