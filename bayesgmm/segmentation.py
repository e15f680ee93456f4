"""A mixture applied to a scene: which segment every pixel is, and how sure that is."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.compression import find_repeated
from bayesgmm.dims import COMPONENT
from bayesgmm.kernels.reduce import Averages, average_responsibilities
from bayesgmm.kernels.threads import run_tasks
from bayesgmm.parameters import as_parameters
from bayesgmm.posterior import read_draws
from bayesgmm.progress import track
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.scenes import Scene, grid_mapping, read_scene
from bayesgmm.segments import (
    DRAWN,
    MISSING,
    POINT,
    component_names,
    decide,
    entropy_of,
    name_variables,
    number_noise,
)

BLOCK_ROWS, FEWEST_ROWS, BLOCKS = 2**16, 2**10, 16
"""Pixels that a thread has at hand: a sixteenth of a scene, within these limits."""
MANY_BLOCKS = 64
"""From so many on it may take long enough for a progress bar."""
MANY_DRAWS = 8
"""With fewer, finding equal pixels costs more than evaluating them."""
BY_COMPONENT = ("probability", "probability_sd")


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """What a fit or a posterior says of rows.

    Attributes
    ----------
    quadratics : Quadratics
        With a leading axis of draws; a fit is one draw. Noise is the last component.
    components : array of shape (n_components,)
        The coordinate, with noise.
    feature_names : tuple of str
    stretch : float
        As of `bayesgmm.posterior.Draws`.
    drawn : bool
        Whether these are draws, which know how uncertain parameters are.
    """

    quadratics: Quadratics
    components: np.ndarray
    feature_names: tuple[str, ...]
    stretch: float = 1.0
    drawn: bool = True

    @classmethod
    def of(cls, mixture: Any) -> "Segmenter":
        """Read draws, or else a fit; refuse what is neither."""
        drawn = isinstance(mixture, xr.DataTree)
        if drawn:
            told = read_draws(mixture, noisy=True)
            check_resolved(mixture, "mixture")
            quadratics, stretch = told.quadratics, told.stretch
        else:
            told = as_parameters(mixture, "mixture", noisy=True)
            quadratics = Quadratics(*(part[None] for part in told.quadratics))
            stretch = 1.0
        names = component_names(told.components, noisy=told.noise is not None)
        return cls(quadratics, names, told.feature_names, stretch, drawn)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the maps that it makes."""
        return POINT + DRAWN if self.drawn else POINT

    def average(self, rows) -> Averages:
        """Summarise what all draws say of rows without gaps; equal ones only once."""
        if len(rows) == 0:  # a block without data
            none = np.zeros((len(self.components), 0))
            return Averages(none, none, none[0], np.zeros_like(self.quadratics.offsets))
        if len(self.quadratics.offsets) >= MANY_DRAWS:
            found = find_repeated(rows)
            if found is not None:
                rows, counts, places = found
                each = average_responsibilities(rows, self.quadratics, counts)
                return each._replace(
                    shares=each.shares[:, places],
                    variances=each.variances[:, places],
                    entropies=each.entropies[places],
                )
        return average_responsibilities(rows, self.quadratics)

    def maps(self, averages: Averages) -> dict[str, Any]:
        """Return all variables of rows, by name."""
        label, margin = decide(averages.shares)
        label = number_noise(label, self.components)
        found = {"label": label, "probability": averages.shares, "margin": margin}
        if not self.drawn:
            return found | {"entropy": averages.entropies}
        entropy = entropy_of(averages.shares)
        # Entropy is concave; rounding must not make what is left negative. It grows
        # with the variance of the draws.
        rest = np.maximum(entropy - averages.entropies, 0.0)
        rest = np.minimum(self.stretch**2 * rest, entropy)
        return found | {
            "entropy": entropy,
            "assignment_entropy": entropy - rest,
            "parameter_entropy": rest,
            "probability_sd": self.stretch * np.sqrt(averages.variances),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Maps of a scene.

    Attributes
    ----------
    maps : dict of array
        By variable; those of `BY_COMPONENT` have components first.
    totals : array of shape (n_draws, n_components)
        Responsibilities under each draw, summed over pixels.
    label_variances : array of shape (n_components,)
        Of numbers of pixels where labels are drawn: means over draws.
    """

    maps: dict[str, Any]
    totals: Floats
    label_variances: Floats


def evaluate(
    values: Any,
    scene: Scene,
    segmenter: Segmenter,
    names: Sequence[str],
    progress: bool = False,
) -> Evaluated:
    """Fill maps, a block after the other, on threads.

    Parameters
    ----------
    values : array of shape (..., n_features)
        Of the scene; perhaps lazy.
    scene : Scene
        Says what is missing.
    segmenter : Segmenter
    names : sequence of str
        Those of its variables that are wanted.
    progress : bool
    """
    shape, n_components = values.shape[:-1], len(segmenter.components)
    totals = np.zeros(segmenter.quadratics.offsets.shape)
    label_variances = np.zeros(n_components)
    leading = {True: (n_components,), False: ()}
    maps = {
        name: np.empty((*leading[name in BY_COMPONENT], *shape), _dtype(name))
        for name in names
    }
    blocks = _blocks(shape)
    done = track(
        blocks, len(blocks), "Segmenting", progress and len(blocks) > MANY_BLOCKS
    )

    def run(block):
        part = np.asarray(values[block])
        found, *sums = _evaluate_rows(
            part.reshape(-1, part.shape[-1]), scene, segmenter
        )
        for name, whole in maps.items():
            rows = found[name]
            whole[..., *block] = rows.reshape(*rows.shape[:-1], *part.shape[:-1])
        return sums

    def add(sums):
        for total, some in zip((totals, label_variances), sums, strict=True):
            total += some
        next(done, None)

    run_tasks(run, blocks, add)
    deque(done, maxlen=0)
    return Evaluated(maps, totals, label_variances)


def _evaluate_rows(rows, scene: Scene, segmenter: Segmenter):
    """Return the maps of rows, shape (..., n_rows), and what is summed over them."""
    usable = scene.usable(rows)
    averages = segmenter.average(rows if usable.all() else rows[usable])
    found, shares = segmenter.maps(averages), averages.shares
    variances = (shares * (1.0 - shares) - averages.variances).sum(axis=1)
    if usable.all():
        return found, averages.totals, variances
    for name, part in found.items():
        missing = MISSING if name == "label" else np.nan
        whole = np.full((*part.shape[:-1], len(rows)), missing, part.dtype)
        whole[..., usable] = part
        found[name] = whole
    return found, averages.totals, variances


def _blocks(shape) -> list[tuple[slice, ...]]:
    """Cut along the longest dimension, by shape alone."""
    axis, n_pixels = int(np.argmax(shape)), int(np.prod(shape))
    n_blocks = max(n_pixels // BLOCK_ROWS, min(BLOCKS, n_pixels // FEWEST_ROWS), 1)
    edges = np.unique(np.linspace(0, shape[axis], n_blocks + 1).astype(int)).tolist()
    before = (slice(None),) * axis
    after = (slice(None),) * (len(shape) - axis - 1)
    return [(*before, slice(*pair), *after) for pair in pairwise(edges)]


def _dtype(name):
    return np.int16 if name == "label" else np.float32


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
    if array.chunks is not None:
        array = array.chunk({scene.feature_dim: -1})
    found = xr.apply_ufunc(
        lambda values: _last(evaluate(values, scene, segmenter, names, progress)),
        array,
        input_core_dims=[[scene.feature_dim]],
        output_core_dims=[
            [COMPONENT] if name in BY_COMPONENT else [] for name in names
        ],
        dask="parallelized",
        output_dtypes=[_dtype(name) for name in names],
        dask_gufunc_kwargs={"output_sizes": {COMPONENT: len(segmenter.components)}},
    )
    order = [COMPONENT if d == scene.feature_dim else d for d in array.dims]
    maps = {
        name: each.transpose(*order) if name in BY_COMPONENT else each
        for name, each in zip(names, found, strict=True)
    }
    segments = name_variables(maps, segmenter.components).assign_attrs(scene.attrs)
    for variable in segments.data_vars.values():
        variable.attrs |= grid_mapping(array)
    return segments


def _last(found: Evaluated) -> tuple:
    """Return all maps with components last, as xarray wants them."""
    return tuple(
        np.moveaxis(each, 0, -1) if name in BY_COMPONENT else each
        for name, each in found.maps.items()
    )
