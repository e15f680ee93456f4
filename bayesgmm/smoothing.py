"""Probabilities of neighbours averaged: a step of its own, after segmentation."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number
from bayesgmm.decision import decide, entropy_of
from bayesgmm.dims import COMPONENT
from bayesgmm.errors import InputError, did_you_mean
from bayesgmm.segments import check_segments, name_variables, number_noise

HISTORY = ("smoothing_dims", "smoothing_sd")
"""Attributes of smoothed maps: along which dimensions, and how far along each."""


def smooth(
    segments: xr.Dataset, dims: Hashable | Iterable[Hashable], sd: float
) -> xr.Dataset:
    """Average the probabilities of neighbouring pixels, and label pixels anew.

    A mixture does not know where pixels are. If segments are larger than pixels, the
    neighbours of a pixel tell about it; this is the simplest way to listen to them.

    Parameters
    ----------
    segments : xarray.Dataset
        From `segment`, or of this function.
    dims : hashable or iterable of hashable
        Dimensions along which pixels are neighbours, for example ``("y", "x")``.
        Others, as time, are not mixed.
    sd : float
        Standard deviation of the Gaussian weights, in pixels.

    Returns
    -------
    xarray.Dataset
        ``probability``, and what follows from it: ``label``, ``entropy`` and
        ``margin``. Left out are ``probability_sd``, ``assignment_entropy`` and
        ``parameter_entropy``: they say what the mixture knows of a pixel by itself.
        The attributes ``smoothing_dims`` and ``smoothing_sd`` list what was done.

    Raises
    ------
    InputError
        If `segments` are none, have no such dimension, or `sd` is not positive.

    Notes
    -----
    Missing pixels stay missing, have no weight, and so has what lies outside: weights
    of what is there are scaled to sum to one. They end at four standard deviations. An
    average of memberships is no posterior probability, though what each segment's
    probabilities sum to changes little. Lazy segments are read whole along `dims`,
    component by component.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> rng = np.random.default_rng(0)
    >>> truth = np.arange(30) < 15
    >>> image = 2.0 * truth + rng.normal(size=(40, 30))
    >>> em = bg.GaussianMixture(2, random_state=0).fit(image.reshape(-1, 1))
    >>> segments = bg.segment(image, em)
    >>> smoothed = bg.smooth(segments, ("y", "x"), 2)
    >>> bool(smoothed["margin"].mean() > 0 and smoothed["label"].dims == ("y", "x"))
    True
    """
    segments, available = check_segments(segments)
    chosen = _check_dims(dims, available)
    sd = check_number("sd", sd, "be a number above 0", lambda value: value > 0)
    probability = segments["probability"]
    if probability.chunks is not None:
        probability = probability.chunk({COMPONENT: 1} | dict.fromkeys(chosen, -1))
    smoothed = xr.apply_ufunc(
        lambda values: smooth_layers(values, len(chosen), sd),
        probability,
        input_core_dims=[chosen],
        output_core_dims=[chosen],
        dask="parallelized",
        output_dtypes=[probability.dtype],
    ).transpose(*probability.dims)
    said = _add_to_history(segments.attrs, chosen, sd)
    components = segments[COMPONENT].values
    maps = _read_off(smoothed, components)
    found = name_variables(maps, components, segments["label"])
    return found.assign_attrs(segments.attrs | said)


def _add_to_history(attrs, dims, sd) -> dict[str, list]:
    """Return along which dimensions maps were smoothed, and how much, in order."""
    before = {name: np.ravel(attrs.get(name, ())).tolist() for name in HISTORY}
    added = zip(HISTORY, ([str(dim) for dim in dims], [sd] * len(dims)), strict=True)
    return {name: before[name] + more for name, more in added}


def _check_dims(dims, available) -> list[Hashable]:
    single = isinstance(dims, str) or not isinstance(dims, Iterable)
    chosen: list[Hashable] = [dims] if single else list(dims)
    unknown = [dim for dim in chosen if dim not in available]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise InputError(
            "dims",
            "name dimensions of the segments, each once",
            repr(unknown[0] if unknown else dims),
            did_you_mean(unknown[0] if unknown else "", map(str, available)),
        )
    return chosen


def smooth_layers(values: Floats, n_axes: int, sd: float) -> Floats:
    """Average over neighbours along the last axes, layer by layer.

    Parameters
    ----------
    values : array of shape (..., sizes of the axes)
        NaN where missing: there it stays so.
    n_axes : int
    sd : float
        Of the Gaussian weights, in cells.
    """
    out = np.empty_like(values)
    for layer in np.ndindex(values.shape[:-n_axes]):
        there = np.isfinite(values[layer])
        weights = gaussian_filter(there.astype(values.dtype), sd, mode="constant")
        sums = gaussian_filter(np.where(there, values[layer], 0), sd, mode="constant")
        out[layer] = np.where(there, sums / np.where(there, weights, 1), np.nan)
    return out


def _read_off(probability: xr.DataArray, components) -> dict[str, Any]:
    """Return probabilities and all that follows from them."""

    def decide_last(values):
        shares = np.moveaxis(values, -1, 0)
        label, margin = decide(shares)
        return number_noise(label, components), margin, entropy_of(shares)

    if probability.chunks is not None:
        probability = probability.chunk({COMPONENT: -1})
    label, margin, entropy = xr.apply_ufunc(
        decide_last,
        probability,
        input_core_dims=[[COMPONENT]],
        output_core_dims=[[], [], []],
        dask="parallelized",
        output_dtypes=[np.int16, probability.dtype, probability.dtype],
    )
    return {
        "label": label,
        "probability": probability,
        "entropy": entropy,
        "margin": margin,
    }
