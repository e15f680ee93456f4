"""Fits of lazy rows: starts are searched on a sample, and run on all rows."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from bayesgmm._typing import Ints
from bayesgmm.checkpoint import Checkpoint
from bayesgmm.chunked import Chunked
from bayesgmm.chunks import Chunks
from bayesgmm.covariances import covariance_family
from bayesgmm.errors import InputError
from bayesgmm.extent import Extent, survey
from bayesgmm.fitting import (
    build_objective,
    continues,
    find_starts,
    last_fit,
    numbers_components,
    objective_of,
    run_each,
    run_starts,
)
from bayesgmm.initialise import Overall
from bayesgmm.overall import find_overall_with_gaps
from bayesgmm.remembered import Remembered, read_mixtures, write_mixtures
from bayesgmm.restarts import Restarts
from bayesgmm.steps import Objective

SAMPLE_ROWS = 100_000
"""Rows on which starts are searched."""
FINALISTS = 3
"""Optima of the sample that are run on all rows: the best on one may not be on all."""
NEEDS_ROWS = ("noise", "responsibilities_init")
"""Settings that say or ask something of each row."""


class ChunkedFit(NamedTuple):
    """What `fit_chunks` found.

    Attributes
    ----------
    restarts : Restarts
        Runs on all rows.
    objective : Objective
    """

    restarts: Restarts
    objective: Objective


def fit_chunks(settings: Any, chunks: Chunks, checkpoint: Checkpoint) -> ChunkedFit:
    """Find optima on a sample, then maximise from the best of them on all rows.

    Parameters
    ----------
    settings
        As of `bayesgmm.fitting`.
    chunks : Chunks
    checkpoint : Checkpoint
        Keeps what is found on the sample, and every pass on all rows.
    """
    for name in NEEDS_ROWS:
        if getattr(settings, name) is not None:
            raise InputError(
                name,
                "be None for lazy data",
                "something else",
                "Fit a sample in memory, `X[:100_000].compute()`.",
            )
    extent = _survey(chunks, checkpoint)
    observations = Remembered(Chunked(chunks, extent), checkpoint)
    overall = _find_overall(observations, extent, settings)
    names = chunks.feature_names
    objective = objective_of(settings, observations, overall, names, floored=True)
    starts, numbered = _find_starts(settings, chunks, checkpoint)
    # A split or merge is a run on all rows; the sample has been searched for them.
    runs = run_each(settings, objective, starts, numbered=numbered, moves=False)
    n_rows, n = observations.n_rows, observations.n_observations
    return ChunkedFit(Restarts.of(runs, n, n_rows), objective)


def _survey(chunks, checkpoint):
    found = checkpoint.recall("survey", (), lambda: survey(chunks)._asdict())
    return Extent.of(found)


def _find_overall(observations, extent, settings):
    if not extent.has_gaps:
        return Overall(extent.mean, extent.covariance, extent.n_observations)
    family = covariance_family(settings.covariance_type, len(extent.mean))
    variances = np.diag(extent.covariance)
    return find_overall_with_gaps(observations, extent.mean, variances, family)


def _find_starts(settings, chunks, checkpoint):
    """Return where EM on all rows begins, and whether the user numbered components."""
    if continues(settings):
        return [last_fit(settings, chunks.feature_names)], True

    def search():
        return write_mixtures(_search_sample(settings, chunks))

    # Of all settings that a file may be read with, this one changes the starts.
    found = checkpoint.recall("starts", [settings.max_iter], search)
    return read_mixtures(found), numbers_components(settings)


def _search_sample(settings, chunks):
    table, weight = chunks.take(choose_rows(len(chunks), settings.random_state))
    small = build_objective(settings, table, weight, floored=True)
    if numbers_components(settings):
        return list(find_starts(settings, small, table, weight))
    runs = run_starts(settings, small, table, weight)
    found = Restarts.of(runs, small.n_observations, table.n_observations)
    optima = [each.run.parameters for each in found.optima[:FINALISTS]]
    return optima or [found.best.parameters]


def choose_rows(n_rows: int, random_state: Any) -> Ints:
    """Choose rows by their numbers, so that chunks make no difference."""
    if n_rows <= SAMPLE_ROWS:
        return np.arange(n_rows)
    seed = check_random_state(random_state).randint(2**32, dtype=np.uint32)
    random = np.random.default_rng(int(seed))
    return np.sort(random.choice(n_rows, SAMPLE_ROWS, replace=False, shuffle=False))
