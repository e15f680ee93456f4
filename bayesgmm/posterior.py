"""Draws of a mixture as an `xarray.DataTree`: the only file that names dimensions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.errors import InputError
from bayesgmm.quadratics import build_quadratics, invert_cholesky

COMPONENT, FEATURE, FEATURE_BIS, OBSERVATION = (
    "component",
    "feature",
    "feature_bis",
    "obs_id",
)
DIMS = {
    "weights": (COMPONENT,),
    "means": (COMPONENT, FEATURE),
    "covariances": (COMPONENT, FEATURE, FEATURE_BIS),
}
SAMPLE_DIMS = ("chain", "draw")


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
    """

    weights: Floats
    means: Floats
    covariances: Floats
    n_chains: int
    n_draws: int
    feature_names: tuple[str, ...]
    components: np.ndarray

    @property
    def n_samples(self) -> int:
        return self.weights.shape[0]

    @property
    def n_components(self) -> int:
        return self.weights.shape[1]

    @property
    def quadratics(self) -> Quadratics:
        """Quadratic forms with a leading axis of samples."""
        return build_quadratics(
            self.weights, self.means, invert_cholesky(self.covariances)
        )


def read_draws(posterior: Any) -> Draws:
    """Read weights, means and covariances out of a posterior.

    Parameters
    ----------
    posterior : xarray.DataTree
        With a group ``posterior`` that holds the variables of `DIMS`.

    Raises
    ------
    InputError
        If it is no DataTree, or a variable or dimension is missing or not finite.
    """
    group = posterior_group(posterior)
    arrays = {name: _read(group, name, dims) for name, dims in DIMS.items()}
    coords = group.coords
    n_chains, n_draws = group.sizes["chain"], group.sizes["draw"]
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
    )


def posterior_group(posterior: Any) -> xr.Dataset:
    """Return the group ``posterior`` of a DataTree as a Dataset, checked."""
    if not isinstance(posterior, xr.DataTree) or "posterior" not in posterior.children:
        raise InputError(
            "posterior",
            "be an xarray.DataTree with a group 'posterior'",
            type(posterior).__name__,
            "Pass what `bayesgmm.sample` or `pm.sample` returned.",
        )
    return posterior["posterior"].to_dataset()


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
