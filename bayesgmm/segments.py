"""What a map of segments holds: names, labels, and what follows from probabilities."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.decision import MISSING
from bayesgmm.dims import COMPONENT, NOISE, NOISE_NAME
from bayesgmm.errors import InputError
from bayesgmm.membership import VARIABLES
from bayesgmm.naming import component_name

POINT = ("label", "probability", "entropy", "margin")
"""What a fit by EM says, which takes its parameters for the truth."""
DRAWN = ("probability_sd", "assignment_entropy", "parameter_entropy")
"""What only draws can add."""


def is_noisy(components: np.ndarray) -> bool:
    """Tell whether the last of these coordinates is that of noise."""
    return components[-1] in (NOISE, NOISE_NAME)


def number_noise(label: Any, components: np.ndarray) -> Any:
    """Call the last component `NOISE` if it is noise, in place."""
    if is_noisy(components):
        label[label == len(components) - 1] = NOISE
    return label


def grid_mapping(array: xr.DataArray) -> dict[str, Any]:
    """Return the attribute that names the coordinate reference system, if there is."""
    name = "grid_mapping"
    held = array.attrs | array.encoding
    return {name: held[name]} if name in held else {}


def name_variables(
    maps: Mapping[str, xr.DataArray], components: np.ndarray, scene: xr.DataArray
) -> xr.Dataset:
    """Put maps together, and say in the terms of CF what they are.

    Parameters
    ----------
    maps : dict of DataArray
        Keys are among those of `bayesgmm.membership.VARIABLES`.
    components : array of shape (n_components,)
        With noise, as of `bayesgmm.noise.share_names`.
    scene : DataArray
        Of the same coordinate reference system.
    """
    segments = xr.Dataset(dict(maps)).assign_coords({COMPONENT: components})
    for name, variable in segments.data_vars.items():
        _, units, long_name = VARIABLES[str(name)]
        variable.attrs = {"long_name": long_name, "units": units}
        variable.attrs |= grid_mapping(scene)
    label = segments["label"]
    label.attrs |= _flags(components)
    label.encoding["_FillValue"] = np.int16(MISSING)
    return segments


def _flags(components) -> dict[str, Any]:
    """Return what CF has of the names of numbers; its words have no blanks."""
    values = number_noise(np.arange(len(components), dtype=np.int16), components)
    names = [
        NOISE_NAME if name == NOISE else component_name(name) for name in components
    ]
    meanings = " ".join("_".join(name.split()) for name in names)
    return {"flag_values": values, "flag_meanings": meanings}


def check_segments(segments: Any) -> tuple[xr.Dataset, tuple[Hashable, ...]]:
    """Return segments and their dimensions, without that of components; or refuse."""
    if isinstance(segments, xr.Dataset) and {"label", "probability"} <= set(segments):
        return segments, segments["label"].dims
    raise InputError(
        "segments",
        "be a Dataset with `label` and `probability`",
        type(segments).__name__,
        "Pass what `bayesgmm.segment` returned.",
    )
