"""Labels in, whoever drew them: from a posterior, a DataArray or an array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Ints
from bayesgmm.dims import CHAIN, DRAW, OBSERVATION, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.kernels.partitions import Labels, number_by_appearance
from bayesgmm.label_draws import draw_at_most, evenly

MOST_LABELS = 2**24
"""Of more rows or draws every second, third, ... draw is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelDraws:
    """Partitions of the same rows, chains one after the other.

    Attributes
    ----------
    values : array of shape (n_draws, n_observations), int32
        In every draw 0, 1, ... as they appear.
    sizes : array of int, shape (n_draws,)
        How many labels each draw has.
    obs_ids : array of shape (n_observations,)
    n_chains : int
    """

    values: Labels
    sizes: Ints
    obs_ids: np.ndarray
    n_chains: int = 1

    @property
    def n_draws(self) -> int:
        return self.values.shape[0]

    @property
    def n_observations(self) -> int:
        return self.values.shape[1]

    @property
    def n_labels(self) -> int:
        return int(self.sizes.max())

    def take(self, draws: Any) -> "LabelDraws":
        """Return some of the draws, as one chain."""
        return LabelDraws(self.values[draws], self.sizes[draws], self.obs_ids)

    def name(self, labels: Any, dims: Any = OBSERVATION, name: str = "label"):
        """Return labels of the rows as a DataArray."""
        return xr.DataArray(labels, {OBSERVATION: self.obs_ids}, dims, name)


def read_labels(
    posterior: Any, X: Any = None, n_draws: int | None = None, random_seed: int = 0
) -> LabelDraws:
    """Return draws of labels: given ones, or those that `draw_labels` draws.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
    X : array-like, optional
    n_draws : int, optional
        Of each chain, evenly spread. By default as many as `MOST_LABELS` allows.
    random_seed : int

    Raises
    ------
    InputError
    """
    labels = posterior
    if isinstance(posterior, xr.DataTree):
        labels = draw_at_most(MOST_LABELS, posterior, X, n_draws, random_seed)
    elif X is not None:
        raise InputError(
            "X",
            "be left out where labels are given",
            "both",
            "Pass a posterior in place of labels to draw them for `X`.",
        )
    values, obs_ids = _by_chain(labels)
    values = values[:, evenly(values.shape, n_draws, MOST_LABELS)]
    return _number("posterior", values, obs_ids)


def as_labels(argument: str, labels: Any) -> LabelDraws:
    """Return one partition, as a single draw."""
    obs_ids = labels[OBSERVATION].values if has_rows(labels) else None
    values = np.asarray(labels)
    if values.ndim != 1 or not len(values):
        raise InputError(
            argument,
            "be labels of rows, an array of one dimension",
            f"shape {values.shape}",
            "Give one label for every row.",
        )
    return _number(argument, values[None, None], obs_ids)


def has_rows(labels: Any) -> bool:
    """Tell whether labels say of which rows they are."""
    return isinstance(labels, xr.DataArray) and OBSERVATION in labels.coords


def _by_chain(labels: Any) -> tuple[np.ndarray, Any]:
    """Return labels (n_chains, n_draws, n_observations), and the names of rows."""
    obs_ids = labels[OBSERVATION].values if has_rows(labels) else None
    if isinstance(labels, xr.DataArray) and OBSERVATION in labels.dims:
        chains = SAMPLE_DIMS if CHAIN in labels.dims else (...,)
        labels = labels.transpose(*chains, OBSERVATION)
        labels = labels.values if CHAIN in labels.dims else labels.values[None]
    else:
        labels = np.asarray(labels)[None]
    if labels.ndim == 3 and labels.size:
        return labels, obs_ids
    raise InputError(
        "posterior",
        f"be an xarray.DataTree, or labels ({CHAIN}, {DRAW}, {OBSERVATION}) or "
        "(n_draws, n_observations)",
        f"{type(labels).__name__} of shape {labels.shape[1:]}",
        "Pass what `bayesgmm.sample` or `bayesgmm.draw_labels` returned.",
    )


def _number(argument: str, labels: np.ndarray, obs_ids: Any) -> LabelDraws:
    """Give labels of any kind numbers, in each draw from 0 on."""
    n_chains, _, n = labels.shape
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise InputError(
            argument,
            "hold whole numbers as labels",
            f"{labels[~(labels == np.rint(labels))][0]:g}",
            "Give every row of every draw a label; noise is -1.",
        )
    codes = np.unique(labels, return_inverse=True)[1]
    values = np.ascontiguousarray(codes.reshape(-1, n), dtype=np.int32)
    sizes = number_by_appearance(values, int(codes.max()) + 1)
    return LabelDraws(
        values, sizes, np.arange(n) if obs_ids is None else obs_ids, n_chains
    )
