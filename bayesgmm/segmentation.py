"""A mixture applied to a scene: which segment every pixel is, and how sure that is."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.dims import COMPONENT
from bayesgmm.scenes import read_scene
from bayesgmm.segmenter import BY_COMPONENT, Evaluated, Segmenter, dtype_of, evaluate
from bayesgmm.segments import name_variables


def segment(
    data: Any,
    mixture: Any,
    feature_dim: Any = None,
    *,
    nodata: Any = None,
    progress: bool = True,
) -> xr.Dataset:
    """Say of every pixel, or row, which component it comes from, and how sure that is.

    Parameters
    ----------
    data : DataArray, Dataset, array or data frame
        A scene in any dimensions, in memory or lazy (Dask). The variables of a Dataset
        are the features. An array has the shape (height, width, n_features), (height,
        width) for one feature, or (n_observations, n_features).
    mixture : xarray.DataTree, GaussianMixture or MixtureParameters
        Relabelled draws, or a fit. Of as many draws as time
        allows: `posterior.isel(draw=slice(None, None, 10))` takes every tenth.
    feature_dim : hashable, optional
        The dimension of a DataArray along which the features lie, for example "band";
        for an array the number of the axis, by default the last.
    nodata : float or sequence of float, optional
        What stands for a missing value, one for each feature or for all. By default
        what the attribute ``_FillValue``, ``missing_value`` or ``nodata`` says.
    progress : bool, default True
        Whether to show a bar, for large scenes in memory.

    Returns
    -------
    xarray.Dataset
        On the coordinates of the data and with their attributes; ``component`` stands
        where the features stood. ``label``, whole numbers with the names of components
        in the attributes ``flag_values`` and ``flag_meanings``, -1 for noise and -9999
        where data are missing; ``probability`` (component); ``entropy`` in nats and
        ``margin``, highest less second-highest probability. From draws also
        ``probability_sd``, ``assignment_entropy`` and ``parameter_entropy``, as of
        `membership`: a fit takes its parameters for the truth and cannot tell. All
        but labels are float32, and NaN where data are missing. Lazy if the data are.

    Raises
    ------
    InputError
        If `data` has other features than the mixture, `mixture` is none, or its labels
        have not been resolved.

    Notes
    -----
    A pixel is missing if any feature is: NaN, infinite or `nodata`. Pixels are taken in
    blocks. Of draws nothing is kept but sums, and of equal pixels of a block one is
    evaluated, where that is quicker. In files labels have -9999 as ``_FillValue``, so
    that xarray reads NaN there.
    """
    segmenter = Segmenter.of(mixture)
    scene = read_scene(data, segmenter.feature_names, feature_dim, nodata)
    array, names = scene.array, segmenter.variables
    shown = progress and array.chunks is None  # chunks are many, some at a time
    found = xr.apply_ufunc(
        lambda values: _last(evaluate(values, scene, segmenter, names, shown)),
        array,
        input_core_dims=[[scene.feature_dim]],
        output_core_dims=[
            [COMPONENT] if name in BY_COMPONENT else [] for name in names
        ],
        dask="parallelized",
        output_dtypes=[dtype_of(name) for name in names],
        dask_gufunc_kwargs={"output_sizes": {COMPONENT: len(segmenter.components)}},
    )
    order = [COMPONENT if d == scene.feature_dim else d for d in array.dims]
    maps = {
        name: each.transpose(*order) if name in BY_COMPONENT else each
        for name, each in zip(names, found, strict=True)
    }
    segments = name_variables(maps, segmenter.components, array)
    return segments.assign_attrs(scene.attrs)


def _last(found: Evaluated) -> tuple:
    """Return all maps with components last, as xarray wants them."""
    return tuple(
        np.moveaxis(each, 0, -1) if name in BY_COMPONENT else each
        for name, each in found.maps.items()
    )
