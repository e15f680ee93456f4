"""What chains of Gibbs sweeps share: rows, labels, memory for draws."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bayesgmm import lazy_passes
from bayesgmm._typing import Floats, Quadratics
from bayesgmm.chunks import Chunks
from bayesgmm.completing import NoiseShare, Parts, draw_parts, parts_of
from bayesgmm.conjugate_form import n_labels, repeats, whole_scales
from bayesgmm.kernels.reduce import sampled_moments
from bayesgmm.kernels.sampled import draw_key
from bayesgmm.kernels.sweeps import Record, State, fill_quadratics
from bayesgmm.priors import HierarchicalInverseWishart, NormalGammaMeans
from bayesgmm.priors.hyper import Hyperprior
from bayesgmm.sampled import Settings
from bayesgmm.target import Target

# Operations of a pass (a few milliseconds) from which its rows are shared by threads.
# Below, chains are what threads do.
_WORTH_THREADS = 2**23


class Rows(NamedTuple):
    """Observations as the kernels take them.

    Attributes
    ----------
    X : array of shape (n_observations, n_features), float64
    repeats : array of shape (n_observations,) or (0,)
    n_labels : int
        Observations, repeated ones as often as they are.
    n_threads : int
        That share the rows; 0 if a chain is one thread and one kernel.
    parts : Parts or None
        The same rows, if they have gaps or labels, or there is noise.
    share : NoiseShare or None
        Of noise, in this chain.
    lazy : Chunks or None
        All rows, if they are lazy; the other fields then have none.
    """

    X: Floats
    repeats: Floats
    n_labels: int
    n_threads: int
    parts: Parts | None = None
    share: NoiseShare | None = None
    lazy: Chunks | None = None


def rows_of(target: Target, settings: Settings) -> tuple[Rows, Settings]:
    """Return the rows, and settings in which threads are for rows or for chains."""
    if target.sketch is not None:
        return _lazy_rows(target.sketch.chunks), settings
    X = np.ascontiguousarray(target.table.values, dtype=np.float64)
    n, d = X.shape
    n_each = max(n_labels(target), n)
    shared = n_each * target.n_components * (d * d + 16) >= _WORTH_THREADS
    rows = Rows(X, repeats(target), n_labels(target), settings.cores if shared else 0)
    if not target.is_plain:
        parts = parts_of(target, X, rows.repeats)
        rows = rows._replace(parts=parts, n_threads=max(rows.n_threads, 1))
    return rows, replace(settings, cores=1) if shared else settings


def _lazy_rows(chunks: Chunks) -> Rows:
    places, none = lazy_passes.find_places(chunks), np.empty((0, chunks.n_features))
    return Rows(none, np.empty(0), places.n_labels, 1, lazy=places.chunks)


def draw_labels(rows: Rows, state: State, n_components: int, rng) -> float:
    """Draw all labels, keep their statistics, and return the log-likelihood."""
    now, k, d = state.components, n_components, rows.X.shape[1]
    quadratics = Quadratics(np.empty(k), np.empty((k, d)), np.zeros((k, d, d)))
    fill_quadratics(now, state.log_weights, k, *quadratics)
    n_threads = max(rows.n_threads, 1)
    if rows.parts is not None:
        of_rows = n_threads, rows.n_labels
        return draw_parts(rows.parts, rows.share, state, quadratics, rng, *of_rows)
    key = np.uint64(draw_key(rng))  # Numba makes a Python int of it
    if rows.lazy is not None:
        score, *drawn = lazy_passes.draw_labels(rows.lazy, quadratics, key)
    else:
        score, drawn = sampled_moments(rows.X, rows.repeats, quadratics, key, n_threads)
    counts, sums, outer_products = drawn
    state.total.counts[:k] = counts
    state.total.sums[:k, :d] = sums
    state.total.outer_products[:k, :d, :d] = outer_products
    return score


def make_record(n_draws: int, n_components: int, d: int) -> Record:
    """Return memory for draws; where nothing is written weights are 0, the rest NaN."""
    t, k = n_draws, n_components
    return Record(
        np.full(t, np.nan),
        np.zeros((t, k)),
        np.full((t, k, d), np.nan),
        np.full((t, k, d, d), np.nan),
        np.full(t, np.nan),
        np.full((t, d), np.nan),
        np.full((t, d, d), np.nan),
    )


def check_finite(
    state: State, n_components: int, n_sweeps: int, done: bool = True
) -> None:
    """Raise what ends a chain that is nowhere, before it gives back such a draw.

    Parameters
    ----------
    state : State
    n_components, n_sweeps : int
    done : bool
        Whether all sweeps were run: each row had a component that explains it.
    """
    now, k = state.components, n_components
    arrays = now.means[:k], now.lower[:k], now.upper[:k], now.scale, now.spread
    if done and all(np.isfinite(array).all() for array in arrays):
        return
    raise FloatingPointError(
        f"a covariance became singular within {n_sweeps} sweeps: its prior scale is "
        "too small for columns that are collinear or of very different units, or is "
        "learned from the components and follows tied rows to zero, which that of "
        "`default_priors(kind='independent')` does not"
    )


def others_by_name(record: Record, target: Target) -> dict[str, Any]:
    """Return the hyperparameters that have a distribution, by name."""
    priors, found = target.priors, {}
    if isinstance(priors.weights.concentration, Hyperprior):
        found["concentration"] = record.concentration
    if isinstance(priors.means, NormalGammaMeans):
        found["means_spread"] = record.spread
    if isinstance(priors.covariances, HierarchicalInverseWishart):
        found["covariances_scale"] = whole_scales(record.scale, target.family)
    return found
