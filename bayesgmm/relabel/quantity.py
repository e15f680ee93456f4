"""A named quantity that every component of every draw has one number of."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_places
from bayesgmm.dims import COMPONENT, FEATURE, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.posterior import posterior_group


def read_quantity(posterior: xr.DataTree, by: Any) -> Floats:
    """Return what components are to be ordered by.

    Parameters
    ----------
    posterior : xarray.DataTree
    by : str or tuple, optional
        A variable with the dimension component, and names or places in its other
        dimensions; the mean of the first feature if it is None.

    Returns
    -------
    array of shape (n_samples, n_components)

    Raises
    ------
    InputError
        If there is no such variable, it needs more or fewer names, or is not finite.
    """
    group = posterior_group(posterior)
    name, *places = ("means", 0) if by is None else (by,) if isinstance(by, str) else by
    dims = {*SAMPLE_DIMS, COMPONENT}
    choices = [str(key) for key, x in group.data_vars.items() if dims <= {*x.dims}]
    array = group[check_choice("by", name, choices)]
    others = [dim for dim in array.dims if dim not in dims]
    if len(places) != len(others):
        raise InputError(
            "by",
            f"say where in the {len(others)} other dimensions of `{name}`",
            f"{len(places)} names for {others}",
            f'For example `by=("means", "{_names(group, FEATURE)[0]}")`.',
        )
    at = {
        dim: check_places("by", place, _names(group, dim))[0]
        for dim, place in zip(others, places, strict=True)
    }
    values = array.isel(at).transpose(*SAMPLE_DIMS, COMPONENT).values
    if not np.isfinite(values).all():
        raise InputError(
            "by",
            "name what is finite",
            f"{(~np.isfinite(values)).sum()} non-finite numbers",
            "Drop these draws, or order by another quantity.",
        )
    return values.reshape(-1, values.shape[-1]).astype(np.float64)


def _names(group, dim) -> list[str]:
    found = group.coords[dim].values if dim in group.coords else range(group.sizes[dim])
    return list(map(str, found))
