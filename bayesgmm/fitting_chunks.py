"""Fits of lazy rows: starts are searched on a sample, and run on all rows."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from bayesgmm._typing import Ints
from bayesgmm.box_chunks import box_around
from bayesgmm.checkpoint import Checkpoint
from bayesgmm.chunked import Chunked
from bayesgmm.chunks import Chunks
from bayesgmm.covariances import covariance_family
from bayesgmm.errors import InputError
from bayesgmm.extent import Extent, survey
from bayesgmm.fitting import (
    build_objective,
    check_keeps_components,
    continues,
    find_starts,
    last_fit,
    numbers_components,
    objective_of,
    run_each,
    run_starts,
)
from bayesgmm.initialise import Overall
from bayesgmm.known_labels import has_labels, split_labels
from bayesgmm.labelled import count_votes, seat
from bayesgmm.noise import Noise, refuse_noise_and_gaps
from bayesgmm.overall import find_overall_with_gaps
from bayesgmm.remembered import Remembered, read_mixtures, write_mixtures
from bayesgmm.restarts import Restarts
from bayesgmm.steps import Objective
from bayesgmm.validation import drop_weightless

SAMPLE_ROWS = 100_000
"""Rows on which starts are searched."""
FINALISTS = 3
"""Optima of the sample that are run on all rows: the best on one may not be on all."""
NEEDS_ROWS = ("responsibilities_init",)
"""Settings that say something of each row."""


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
    labelled = has_labels(chunks.sample_weight)
    check_keeps_components(settings, labelled=labelled)
    extent = _survey(chunks, checkpoint)
    box = _find_box(settings, chunks, extent, checkpoint)
    observations = Remembered(Chunked(chunks, extent), checkpoint)
    overall = _find_overall(observations, extent, settings)
    names = chunks.feature_names
    objective = objective_of(settings, observations, overall, names, floored=True)
    starts, numbered = _find_starts(settings, chunks, box, checkpoint)
    numbered = numbered or labelled
    # A split or merge is a run on all rows; the sample has been searched for them.
    runs = run_each(settings, objective, starts, numbered=numbered, moves=False)
    n_rows, n = observations.n_rows, observations.n_observations
    return ChunkedFit(Restarts.of(runs, n, n_rows), objective)


def _survey(chunks, checkpoint):
    found = checkpoint.recall("survey", (), lambda: survey(chunks)._asdict())
    return Extent.of(found)


def _find_box(settings, chunks, extent, checkpoint) -> Noise | None:
    """Return the box of noise around all rows, None for a fit without noise."""
    if settings.noise is None:
        return None
    refuse_noise_and_gaps(settings.noise, extent.has_gaps)

    def search():
        box = box_around(chunks, extent, settings.noise)
        return {"corner": box.corner, "edges": box.edges}

    return Noise(0.0, **checkpoint.recall("box", (), search))


def _find_overall(observations, extent, settings):
    if not extent.has_gaps:
        return Overall.of_extent(extent)
    family = covariance_family(settings.covariance_type, len(extent.mean))
    variances = np.diag(extent.covariance)
    return find_overall_with_gaps(observations, extent.mean, variances, family)


def _find_starts(settings, chunks, box, checkpoint):
    """Return where EM on all rows begins, and whether the user numbered components."""
    if continues(settings):
        return [last_fit(settings, chunks.feature_names)], True

    def search():
        return write_mixtures(_search_sample(settings, chunks, box))

    # Of all settings that a file may be read with, this one changes the starts.
    found = checkpoint.recall("starts", [settings.max_iter], search)
    return read_mixtures(found), numbers_components(settings)


def _search_sample(settings, chunks, box):
    sample = _take_sample(chunks, settings.random_state)
    small = build_objective(settings, *sample, floored=True)
    if numbers_components(settings):
        return list(find_starts(settings, small, *sample, box=box))
    runs = run_starts(settings, small, *sample, box=box)
    found = Restarts.of(runs, small.n_observations, small.observations.n_rows)
    optima = [each.run.parameters for each in found.optima[:FINALISTS]]
    return _seat_all(chunks, optima or [found.best.parameters])


def _take_sample(chunks, random_state):
    """Return rows that count, their weights, and which components they may be of."""
    table, weight = chunks.take(choose_rows(len(chunks), random_state))
    weight, allowed = split_labels(weight)
    table, _, weight, allowed = drop_weightless(table, weight, allowed)
    return table, weight, allowed


def _seat_all(chunks, mixtures):
    """Order components by the labels of all rows: a sample may have few of them."""
    if not has_labels(chunks.sample_weight):
        return mixtures
    votes = chunks.sum(_count_votes, sum, mixtures)
    return [seat(*pair) for pair in zip(mixtures, votes, strict=True)]


def _count_votes(rows, weight, mixtures):
    weight, allowed = split_labels(weight)
    counted = rows[weight > 0], allowed[weight > 0]
    return np.array([count_votes(each, *counted) for each in mixtures])


def choose_rows(n_rows: int, random_state: Any) -> Ints:
    """Choose rows by their numbers, so that chunks make no difference."""
    if n_rows <= SAMPLE_ROWS:
        return np.arange(n_rows)
    seed = check_random_state(random_state).randint(2**32, dtype=np.uint32)
    random = np.random.default_rng(int(seed))
    return np.sort(random.choice(n_rows, SAMPLE_ROWS, replace=False, shuffle=False))
