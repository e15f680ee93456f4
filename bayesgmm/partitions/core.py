"""The rows whose division into clusters is sure, all at once."""

from threading import Event
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.arguments import check_count, check_seed, check_share
from bayesgmm.dims import OBSERVATION, UNDECIDED
from bayesgmm.kernels.agreement import grow_core
from bayesgmm.kernels.partitions import Labels
from bayesgmm.partitions.given import LabelDraws, read_labels
from bayesgmm.partitions.losses import ROUNDING
from bayesgmm.partitions.runs import run_all, warn_of_interrupt
from bayesgmm.partitions.search import by_size

N_RUNS = 64  # as many as the authors' program takes


def confident_core(
    posterior: Any,
    X: Any = None,
    probability: float = 0.9,
    *,
    n_runs: int = N_RUNS,
    n_draws: int | None = None,
    random_seed: int | None = 0,
) -> xr.Dataset:
    """Find the most rows whose division into clusters is probable as a whole.

    That all these rows are together and apart as the labels say, every pair of them,
    has at least the given posterior probability. Nothing is said of the other rows.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
        Draws of a mixture or of labels, as for `partition`.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the rows that the posterior holds.
    probability : float, default 0.9
        Higher ones leave fewer rows. Of 1 all draws must agree.
    n_runs : int, default 64
        Of the search, of which the best is taken.
    n_draws : int, optional
        Of each chain, evenly spread. By default all, or as many as 2**24 labels allow.
    random_seed : int or None, default 0
        The same seed gives the same rows, whatever the number of threads. None takes
        another one each time.

    Returns
    -------
    xarray.Dataset
        ``label`` (obs_id): clusters by size, the largest is 0, and -2 for rows that are
        left out; ``decided`` (obs_id). Attributes ``probability``, the share of draws
        that divide these rows so, ``n_decided``, ``n_clusters`` and ``n_draws``.

    Warns
    -----
    ConvergenceWarning
        If the user interrupts: the best rows so far are returned.

    Raises
    ------
    InputError
        If there is nothing to draw labels from, or a setting is out of its range.
    KeyboardInterrupt
        If the user interrupts before the first run is done.

    Notes
    -----
    Rows are added one at a time, the one next that most draws agree with; runs differ
    in how they begin and in the order of equal ones. It is a search: there may be a
    larger set. A run costs O(n_draws n_observations n_clusters).

    References
    ----------
    .. [1] G. L. Page, A. F. Barrientos, D. B. Dahl, D. B. Dunson (2025), *Uncertainty
       quantification in Bayesian clustering*, arXiv:2511.16040 (the conditional high
       inclusion probability subset, CHIPS).

    Examples
    --------
    >>> import bayesgmm as bg
    >>> draws = [[0, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0], [2, 2, 0, 0]]
    >>> bg.confident_core(draws)["label"].values
    array([ 0,  0,  1, -2])
    """
    n_runs = check_count("n_runs", n_runs)
    share = check_share("probability", probability)
    random_seed = check_seed(random_seed)
    draws = read_labels(posterior, X, n_draws, random_seed)
    least = max(1, int(np.ceil(share * draws.n_draws * (1 - ROUNDING))))
    runs = _grow(draws, least, n_runs, random_seed)
    if len(runs) < n_runs:
        warn_of_interrupt(f"{len(runs)} of {n_runs} runs are done")
    labels, n_agreeing = max(runs, key=lambda run: ((run[0] >= 0).sum(), run[1]))
    decided = labels >= 0
    label = np.full(len(labels), UNDECIDED, np.intp)
    label[decided] = by_size(labels[decided])
    return xr.Dataset(
        {"label": (OBSERVATION, label), "decided": (OBSERVATION, decided)},
        {OBSERVATION: draws.obs_ids},
        {
            "probability": n_agreeing / draws.n_draws,
            "n_decided": int(decided.sum()),
            "n_clusters": int(label.max()) + 1,
            "n_draws": draws.n_draws,
        },
    )


def _grow(
    draws: LabelDraws, least: int, n_runs: int, seed: int
) -> list[tuple[Labels, int]]:
    """Return of every run labels, -1 left out, and how many draws agree with them."""

    def grow(run: int, _: Event) -> tuple[Labels, int]:
        order = np.random.default_rng([seed, run]).permutation(draws.n_observations)
        return grow_core(draws.values, draws.n_labels, order, least)

    return run_all(grow, n_runs)
