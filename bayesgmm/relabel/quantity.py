"""A named quantity that every component of every draw has one number of."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_places
from bayesgmm.dims import COMPONENT, FEATURE, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.posterior import Draws, posterior_group
from bayesgmm.relabel.parametric import order
from bayesgmm.relabel.task import Target


def by_quantity(
    posterior: xr.DataTree,
    draws: Draws,
    reference: Any,
    X: Any,  # noqa: ARG001, as other methods look at rows
) -> Target:
    """Return the target of an order: numbers of components that go up.

    Parameters
    ----------
    posterior : xarray.DataTree
    draws : Draws
        Those of the posterior.
    reference, X
        As `relabel` takes them.
    """
    name, values = read_quantity(posterior, reference)
    return Target(
        name, range(draws.n_components), lambda members: order(values[:, members])
    )


def read_quantity(posterior: xr.DataTree, reference: Any) -> tuple[str, Floats]:
    """Return the name and the numbers that components are to be ordered by.

    Parameters
    ----------
    posterior : xarray.DataTree
    reference : str or tuple, optional
        A variable with the dimension component, and names or places in its other
        dimensions; the mean of the first feature if it is None.

    Returns
    -------
    name : str
        As "means[x0]".
    values : array of shape (n_samples, n_components)

    Raises
    ------
    InputError
        If there is no such variable, it needs more or fewer names, or is not finite.
    """
    group = posterior_group(posterior)
    name, *places = _parts(reference)
    dims = {*SAMPLE_DIMS, COMPONENT}
    choices = [str(key) for key, x in group.data_vars.items() if dims <= {*x.dims}]
    array = group[check_choice("reference", name, choices)]
    others = [dim for dim in array.dims if dim not in dims]
    if len(places) != len(others):
        raise InputError(
            "reference",
            f"say where in the {len(others)} other dimensions of `{name}`",
            f"{len(places)} names for {others}",
            f'For example `reference=("means", "{_names(group, FEATURE)[0]}")`.',
        )
    at = {
        dim: check_places("reference", place, _names(group, dim))[0]
        for dim, place in zip(others, places, strict=True)
    }
    if at:
        where = [_names(group, dim)[place] for dim, place in at.items()]
        name = f"{name}[{', '.join(where)}]"
    values = array.isel(at).transpose(*SAMPLE_DIMS, COMPONENT).values
    if not np.isfinite(values).all():
        raise InputError(
            "reference",
            "name what is finite",
            f"{(~np.isfinite(values)).sum()} non-finite numbers",
            "Drop these draws, or order by another quantity.",
        )
    return name, values.reshape(-1, values.shape[-1]).astype(np.float64)


def _parts(reference: Any) -> tuple:
    if isinstance(reference, tuple):
        return reference or ("",)
    if reference is None or isinstance(reference, str):
        return ("means", 0) if reference is None else (reference,)
    raise InputError(
        "reference",
        "name a quantity with this method",
        type(reference).__name__,
        'For example `"weights"` or `("means", 0)`. All other methods take a fit.',
    )


def _names(group, dim) -> list[str]:
    found = group.coords[dim].values if dim in group.coords else range(group.sizes[dim])
    return list(map(str, found))
