"""Labels in, whoever drew them: from a posterior, a DataArray or an array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Ints
from bayesgmm.dims import CHAIN, DRAW, OBSERVATION, SAMPLE_DIMS, UNDECIDED
from bayesgmm.errors import InputError
from bayesgmm.kernels.partitions import Labels, number_by_appearance
from bayesgmm.label_draws import draw_at_most, evenly
from bayesgmm.same_rows import rows_of

MOST_COMPARED = 2**24
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
        Of each chain, evenly spread. By default as many as `MOST_COMPARED` allows.
    random_seed : int

    Raises
    ------
    InputError
    """
    labels = posterior
    if isinstance(posterior, xr.DataTree):
        labels = draw_at_most(MOST_COMPARED, posterior, X, n_draws, random_seed)
    else:
        _refuse(X)
    values, obs_ids = _by_chain(labels)
    kept = evenly(values.shape, n_draws, MOST_COMPARED)
    return _number("posterior", values[:, kept], obs_ids)


def read_all(labels: Any, X: Any = None) -> LabelDraws:
    """Return given draws of labels, however many there are.

    Parameters
    ----------
    labels : DataArray or array of shape (n_draws, n_observations)
    X : array-like, optional
        Refused.

    Raises
    ------
    InputError
    """
    _refuse(X)
    return _number("posterior", *_by_chain(labels))


def as_labels(argument: str, labels: Any) -> LabelDraws:
    """Return one partition, as a single draw."""
    values = _as_array(argument, labels)
    if values.ndim != 1 or not len(values):
        raise InputError(
            argument,
            "be labels of rows, an array of one dimension",
            f"shape {values.shape}",
            "Give one label for every row.",
        )
    return _number(argument, values[None, None], rows_of(labels))


def _refuse(X: Any) -> None:
    if X is not None:
        raise InputError(
            "X",
            "be left out where labels are given",
            "both",
            "Pass a posterior in place of labels to draw them for `X`.",
        )


def _by_chain(labels: Any) -> tuple[np.ndarray, Any]:
    """Return labels (n_chains, n_draws, n_observations), and the names of rows."""
    obs_ids = rows_of(labels)
    if isinstance(labels, xr.DataArray) and {*SAMPLE_DIMS, OBSERVATION} == {
        *labels.dims
    }:
        values = labels.transpose(*SAMPLE_DIMS, OBSERVATION).values
    elif isinstance(labels, xr.DataArray) and OBSERVATION in labels.dims:
        values = labels.transpose(..., OBSERVATION).values[None]
    else:
        values = _as_array("posterior", labels)[None]
    if values.ndim == 3 and values.size:
        return values, obs_ids
    raise InputError(
        "posterior",
        f"be an xarray.DataTree, or labels ({CHAIN}, {DRAW}, {OBSERVATION}) or "
        "(n_draws, n_observations)",
        f"{type(labels).__name__} of shape {np.shape(labels)}",
        "Pass what `bayesgmm.sample` or `bayesgmm.draw_labels` returned.",
    )


def _as_array(argument: str, labels: Any) -> np.ndarray:
    try:
        return np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise InputError(
            argument,
            "be labels in an array",
            f"{type(labels).__name__}: {error}",
            "Give every draw the same number of rows, and every row one label.",
        ) from error


def _number(argument: str, labels: np.ndarray, obs_ids: Any) -> LabelDraws:
    """Give labels of any kind numbers, in each draw from 0 on."""
    n_chains, _, n = labels.shape
    if labels.dtype.kind == "f":
        _check_whole(argument, labels)
    codes, found = pd.factorize(labels.ravel())
    if codes.min() < 0 or pd.Index(found).isin([UNDECIDED]).any():
        raise InputError(
            argument,
            "have a label for every row",
            "a row without one",
            "Leave such rows out, also undecided ones (-2), or give each a label of "
            "its own; noise is -1.",
        )
    values = np.ascontiguousarray(codes.reshape(-1, n), dtype=np.int32)
    sizes = number_by_appearance(values, len(found))
    return LabelDraws(
        values, sizes, np.arange(n) if obs_ids is None else obs_ids, n_chains
    )


def _check_whole(argument: str, labels: np.ndarray) -> None:
    odd = ~np.isfinite(labels) | (labels != np.rint(labels))
    if odd.any():
        raise InputError(
            argument,
            "hold whole numbers as labels",
            f"{labels[odd][0]:g}",
            "Give every row of every draw a label; noise is -1.",
        )
