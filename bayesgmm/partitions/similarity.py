"""How probable it is that two rows belong together."""

from typing import Any

import numpy as np
import xarray as xr
from scipy import sparse as sp
from scipy.linalg.blas import dsyrk  # pyright: ignore[reportAttributeAccessIssue]

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_seed, check_share
from bayesgmm.dims import OBSERVATION, OBSERVATION_BIS, ROW_PAIR
from bayesgmm.errors import InputError
from bayesgmm.partitions.shares import Shares, read_shares

SIMILARITY = "similarity"
MOST_ROWS = 10_000
"""Of more rows pairs are taken at random: a matrix would be larger than 800 MB."""
N_PAIRS = 100_000
TILE_BYTES = 2**27


def similarity(
    posterior: Any,
    X: Any = None,
    *,
    pairs: Any = None,
    sparse: float | None = None,
    random_seed: int | None = 0,
) -> Any:
    """Return how probable it is that two rows are of one component.

    Names of components do not matter: draws need not be relabelled, and the number of
    components may vary over them.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
        Draws of a mixture, or draws of labels. Noise is one component more.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds. Rows of
        the fit, known by their index and values, keep their known labels.
    pairs : int or array of int, shape (n_pairs, 2), optional
        How many pairs of rows to take at random, or which, by their places. By default
        all of up to 10,000 rows, and 100,000 pairs of more.
    sparse : float, optional
        Above 0 and at most 1: smaller similarities are left out of a sparse matrix. It
        needs no memory for them, but the same time.
    random_seed : int or None, default 0
        Of random pairs. None takes other ones each time.

    Returns
    -------
    xarray.DataArray, xarray.Dataset or scipy.sparse.csr_array
        Of all pairs (obs_id, obs_id_bis), 1 on the diagonal; of some pairs a Dataset
        with ``similarity`` (pair) and both rows as its coordinates; or sparse, by the
        places of rows.

    Raises
    ------
    InputError
        If there are no data, both `pairs` and `sparse` are given, or one is out of its
        range.

    Notes
    -----
    Of draws of parameters it is the mean over draws of ``sum_k p_ik p_jk``, p being the
    responsibilities: labels are averaged out exactly, and not drawn. Of draws of labels
    it is the share of draws in which both are the same [1]_. A matrix is summed over
    blocks of draws as symmetric matrix products, O(n_draws n_components
    n_observations^2).

    References
    ----------
    .. [1] A. Fritsch and K. Ickstadt (2009), *Improved criteria for clustering based on
       the posterior similarity matrix*, Bayesian Anal. 4:367-391.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.similarity([[0, 0, 1], [0, 1, 1]]).values
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0.5],
           [0. , 0.5, 1. ]])
    """
    if pairs is not None and sparse is not None:
        raise InputError(
            "sparse", "be left out where `pairs` are given", "both", "Choose one."
        )
    shares = read_shares(posterior, X)
    n = len(shares.obs_ids)
    if sparse is not None:
        return _sparse(shares, check_share("sparse", sparse))
    if pairs is None and n <= MOST_ROWS:
        coords = {OBSERVATION: shares.obs_ids, OBSERVATION_BIS: shares.obs_ids}
        return xr.DataArray(_matrix(shares), coords, [*coords], SIMILARITY)
    places = _places(N_PAIRS if pairs is None else pairs, n, check_seed(random_seed))
    rows = {
        name: (ROW_PAIR, shares.obs_ids[at])
        for name, at in zip((OBSERVATION, OBSERVATION_BIS), places, strict=True)
    }
    return xr.Dataset({SIMILARITY: (ROW_PAIR, _of_pairs(shares, *places))}, rows)


def _matrix(shares: Shares) -> Floats:
    n = len(shares.obs_ids)
    total = np.zeros((n, n), order="F")
    for block in shares.blocks(np.arange(n)):
        total = dsyrk(1.0, block.T, 1.0, total, trans=1, overwrite_c=1)
    for i in range(1, n):  # BLAS fills the upper half
        total[i, :i] = total[:i, i]
    total /= shares.n_draws
    np.fill_diagonal(total, 1.0)
    return np.minimum(total, 1.0, out=total)


def _of_pairs(shares: Shares, first: Ints, second: Ints) -> Floats:
    rows, at = np.unique([first, second], return_inverse=True)
    i, j = at.reshape(2, -1)
    total = np.zeros(len(i))
    for block in shares.blocks(rows):
        few = max(1, TILE_BYTES // (16 * block.shape[1]))
        for k in range(0, len(i), few):
            part = slice(k, k + few)
            total[part] += np.einsum("pc,pc->p", block[i[part]], block[j[part]])
    return np.where(i == j, 1.0, np.minimum(total / shares.n_draws, 1.0))


def _sparse(shares: Shares, least: float) -> sp.csr_array:
    """Return what reaches `least`, some rows after the other with all behind them."""
    n = len(shares.obs_ids)
    size = max(1, TILE_BYTES // (8 * n))
    found = []
    for first in range(0, n, size):
        last = min(first + size, n)
        total = np.zeros((last - first, n - first))
        for block in shares.blocks(np.arange(first, n)):
            total += block[: last - first] @ block.T
        total = np.triu(np.minimum(total / shares.n_draws, 1.0), 1)
        i, j = np.nonzero(total >= least)
        found.append(sp.coo_array((total[i, j], (first + i, first + j)), (n, n)))
    upper = sum((part.tocsr() for part in found), sp.csr_array((n, n)))
    return sp.csr_array(upper + upper.T + sp.eye_array(n))


def _places(pairs: Any, n: int, random_seed: int) -> Ints:
    """Return the rows of each pair, shape (2, n_pairs)."""
    if np.ndim(pairs) == 0:
        rng = np.random.default_rng(random_seed)
        n_pairs = check_count("pairs", pairs)
        first = rng.integers(n, size=n_pairs)
        # Another row than the first: none of n - 1 steps ends where it began.
        steps = rng.integers(1, max(n, 2), size=n_pairs)
        return np.array([first, (first + steps) % n])
    places = np.asarray(pairs)
    fits = places.ndim == 2 and places.shape[1] == 2 and places.dtype.kind in "iu"
    fits = fits and places.size > 0
    if fits and places.min() >= 0 and places.max() < n:
        return places.T
    raise InputError(
        "pairs",
        f"be a number, or places (n_pairs, 2) of rows from 0 to {n - 1}",
        "a place that is no row" if fits else f"{places.dtype} of shape {places.shape}",
        "For example `pairs=1000` or `pairs=[(0, 1), (0, 2)]`.",
    )
