"""Few rows in place of lazy ones, where an approximation looks for its shape."""

from typing import Any

import xarray as xr

from bayesgmm.coreset import coreset
from bayesgmm.dims import FEATURE
from bayesgmm.held import Held, hold
from bayesgmm.sampled import Settings
from bayesgmm.sketch import SKETCH_ROWS
from bayesgmm.target import Target

METHODS = ("laplace",)


def stand_in(target: Target | None, method: str, settings: Settings) -> Held | None:
    """Return a coreset of the lazy rows of a target, if it helps a method.

    It does not where the rows are few, and cannot where no fit says near what.
    """
    lazy = None if target is None else target.sketch
    if lazy is None or target is None or target.em is None or method not in METHODS:
        return None
    if lazy.chunks.n_observations <= SKETCH_ROWS:
        return None
    X: Any = lazy.chunks.array
    if lazy.chunks.named:
        X = xr.DataArray(X, dims=("row", FEATURE))
        X = X.assign_coords({FEATURE: list(lazy.chunks.feature_names)})
    weight = lazy.chunks.sample_weight
    seed = settings.seed % 2**32
    core = coreset(X, target.em, SKETCH_ROWS, sample_weight=weight, random_state=seed)
    return hold(core.rows, core.sample_weight)  # pyright: ignore[reportReturnType]
