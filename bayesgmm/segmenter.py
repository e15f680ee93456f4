"""What a mixture says of the pixels of a scene, block by block on threads."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.compression import find_repeated
from bayesgmm.decision import MISSING, decide, split_entropy
from bayesgmm.kernels.reduce import Averages, average_responsibilities
from bayesgmm.kernels.threads import run_tasks
from bayesgmm.parameters import as_parameters
from bayesgmm.posterior import read_draws
from bayesgmm.progress import track
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.scenes import Scene
from bayesgmm.segments import DRAWN, POINT, number_noise

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
        return cls(quadratics, told.share_names, told.feature_names, stretch, drawn)

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
        entropies = split_entropy(averages.shares, averages.entropies, self.stretch)
        sd = self.stretch * np.sqrt(averages.variances)
        return found | entropies | {"probability_sd": sd}


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
        Of the scene; perhaps lazy: then its chunks are read one by one.
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
        name: np.empty((*leading[name in BY_COMPONENT], *shape), dtype_of(name))
        for name in names
    }
    chunks = _chunks(values)
    blocks = [_blocks([part.stop - part.start for part in chunk]) for chunk in chunks]
    n_blocks = sum(map(len, blocks))
    shown = progress and n_blocks > MANY_BLOCKS
    done = track(range(n_blocks), n_blocks, "Segmenting", shown)

    def add(sums):
        for total, some in zip((totals, label_variances), sums, strict=True):
            total += some
        next(done, None)

    for chunk, own in zip(chunks, blocks, strict=True):
        there = {name: whole[..., *chunk] for name, whole in maps.items()}
        held = np.asarray(values[chunk])
        run_tasks(partial(_fill, there, held, scene, segmenter), own, add)
    deque(done, maxlen=0)
    return Evaluated(maps, totals, label_variances)


def _chunks(values) -> list[tuple[slice, ...]]:
    """Return the places of the chunks of a lazy scene, or that of all pixels."""
    sizes = getattr(values, "chunks", None) or [(n,) for n in values.shape]
    edges = [np.cumsum((0, *each)).tolist() for each in sizes[:-1]]
    return list(product(*([slice(*pair) for pair in pairwise(e)] for e in edges)))


def _fill(maps, values, scene: Scene, segmenter: Segmenter, block):
    """Fill a block of maps, and return what is summed over its pixels."""
    part = values[block]
    found, *sums = _evaluate_rows(part.reshape(-1, part.shape[-1]), scene, segmenter)
    for name, whole in maps.items():
        rows = found[name]
        whole[..., *block] = rows.reshape(*rows.shape[:-1], *part.shape[:-1])
    return sums


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


def dtype_of(name: str) -> Any:
    """Return the type of the numbers of a map."""
    return np.int16 if name == "label" else np.float32
