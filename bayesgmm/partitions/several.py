"""Several partitions in place of one, where a posterior has several opinions."""

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.dims import OBSERVATION, PARTITION, SAMPLE_DIMS
from bayesgmm.partitions.given import LabelDraws, read_labels
from bayesgmm.partitions.losses import Loss, as_loss
from bayesgmm.partitions.runs import run_all, warn_of_interrupt
from bayesgmm.partitions.search import improve, most_clusters, search

N_STARTS = 8
N_RUNS = 4  # of the search that ends it, each beginning somewhere else
MOST_ROUNDS = 100


def several_partitions(
    posterior: Any,
    X: Any = None,
    *,
    n_partitions: int,
    loss: str | Loss = "vi",
    max_clusters: int | None = None,
    n_draws: int | None = None,
    random_seed: int | None = 0,
) -> xr.Dataset:
    """Summarise a posterior by a few partitions, each for its part of the draws.

    Every draw counts for the partition that it is nearest to. Where the posterior is of
    one opinion they differ in few rows; where it is of several, one partition would be
    a compromise that nothing speaks for.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
        Draws of a mixture or of labels, as for `partition`.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the rows that the posterior holds.
    n_partitions : int
    loss : {"vi", "binder", "omari", "nvi", "nid"} or Loss, default "vi"
        See `partition_distance`.
    max_clusters : int, optional
        Of each partition.
    n_draws : int, optional
        Of each chain, evenly spread. By default all, or as many as 2**24 labels allow.
    random_seed : int or None, default 0
        The same seed gives the same partitions, whatever the number of threads. None
        takes another one each time.

    Returns
    -------
    xarray.Dataset
        ``label`` (partition, obs_id), clusters by size; ``weight`` (partition), the
        share of draws, the largest first; ``expected_loss`` (partition), over these
        draws; ``n_clusters`` (partition); and ``nearest`` (chain, draw), the partition
        of every draw. The attribute ``expected_loss`` is over all draws. There are
        fewer partitions than asked for if draws do not differ so much.

    Warns
    -----
    ConvergenceWarning
        If the user interrupts: the best partitions so far are returned.

    Raises
    ------
    InputError
        If there is nothing to draw labels from, or a setting is out of its range.
    KeyboardInterrupt
        If the user interrupts before the first start has led anywhere.

    Notes
    -----
    The weighted partitions are near the posterior in Wasserstein distance [1]_. As in
    k-means, draws go to the nearest partition and partitions to the least expected loss
    over their draws, in turn, from eight starts at draws far from each other.

    References
    ----------
    .. [1] C. Balocchi and S. Wade (2025), *Interpreting uncertainty in Bayesian cluster
       analysis*, arXiv:2506.16295 (Wasserstein approximation, WASABI).

    Examples
    --------
    >>> import bayesgmm as bg
    >>> draws = [[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1]]
    >>> found = bg.several_partitions(draws, n_partitions=2)
    >>> found["label"].values
    array([[0, 0, 1, 1],
           [1, 0, 0, 0]])
    >>> found["weight"].values.round(3)
    array([0.667, 0.333])
    """
    loss, n_partitions = as_loss(loss), check_count("n_partitions", n_partitions)
    if max_clusters is not None:
        max_clusters = check_count("max_clusters", max_clusters)
    random_seed = check_seed(random_seed)
    draws = read_labels(posterior, X, n_draws, random_seed)
    most = most_clusters(draws, max_clusters)

    def begin(start: int, stop: Event) -> list[Ints] | None:
        rng = np.random.default_rng([random_seed, start])

        def move(some: LabelDraws, centre: Ints) -> Ints:
            return improve(some, loss, centre, most, rng, stop)

        centres = _far_apart(draws, loss, n_partitions, rng)
        centres = _alternate(draws, loss, centres, move, stop)
        return None if stop.is_set() else centres

    def finish(some: LabelDraws, centre: Ints) -> Ints:
        found = search(some, loss, most, N_RUNS, random_seed, centre)
        if found.n_runs < N_RUNS:  # `search` keeps an interrupt to itself
            raise KeyboardInterrupt
        return found.labels

    starts = run_all(begin, N_STARTS)
    best = min(starts, key=lambda centres: _nearest(draws, loss, centres)[1].mean())
    if len(starts) < N_STARTS:
        warn_of_interrupt(f"{len(starts)} of {N_STARTS} starts are done")
        return _dataset(draws, loss, best)
    try:
        best = _alternate(draws, loss, best, finish, Event())
    except KeyboardInterrupt:
        warn_of_interrupt("its last steps are not done")
    return _dataset(draws, loss, best)


def _far_apart(draws: LabelDraws, loss: Loss, n: int, rng) -> list[Ints]:
    """Choose draws, each the likelier the farther it is from those before."""
    distances, centres = np.ones(draws.n_draws), []
    while len(centres) < n and distances.any():
        chosen = rng.choice(draws.n_draws, p=distances / distances.sum())
        centres.append(draws.values[chosen])
        apart = loss.distances(centres[-1], draws)
        distances = apart if len(centres) == 1 else np.minimum(distances, apart)
    return centres


def _nearest(draws: LabelDraws, loss: Loss, centres: list[Ints]) -> tuple[Ints, Floats]:
    """Return the nearest partition of each draw, and how far it is."""
    distances = np.array([loss.distances(centre, draws) for centre in centres])
    return distances.argmin(axis=0), distances.min(axis=0)


def _alternate(
    draws: LabelDraws,
    loss: Loss,
    centres: list[Ints],
    move: Callable[[LabelDraws, Ints], Ints],
    stop: Event,
) -> list[Ints]:
    """Move partitions to their draws until no draw changes sides."""
    before = np.full(draws.n_draws, -1)
    for _ in range(MOST_ROUNDS):
        nearest, _ = _nearest(draws, loss, centres)
        if (nearest == before).all() or stop.is_set():
            break
        before = nearest
        used = np.unique(nearest)
        centres = [move(draws.take(nearest == k), centres[k]) for k in used]
    return centres


def _dataset(draws: LabelDraws, loss: Loss, centres: list[Ints]) -> xr.Dataset:
    nearest, distances = _nearest(draws, loss, centres)
    counts = np.bincount(nearest, minlength=len(centres))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    place = np.full(len(centres), -1)
    place[order] = np.arange(len(order))
    nearest = place[nearest]
    labels = np.array([centres[k] for k in order])
    by_chain = nearest.reshape(draws.n_chains, -1)
    sums = np.bincount(nearest, distances)
    return xr.Dataset(
        {
            "label": ((PARTITION, OBSERVATION), labels),
            "weight": (PARTITION, counts[order] / draws.n_draws),
            "expected_loss": (PARTITION, sums / counts[order]),
            "n_clusters": (PARTITION, labels.max(axis=1) + 1),
            "nearest": (SAMPLE_DIMS, by_chain),
        },
        {OBSERVATION: draws.obs_ids},
        {
            "loss": str(loss),
            "unit": loss.unit,
            "expected_loss": float(distances.mean()),
        },
    )
