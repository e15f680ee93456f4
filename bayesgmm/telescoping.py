"""Telescoping sampling: the number of components is drawn with everything else."""

import time
from collections import deque
from functools import partial
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.chains import run_chains
from bayesgmm.conjugate_form import (
    check_conjugate,
    first_parameters,
    first_state,
    telescoping_prior,
)
from bayesgmm.diary import Diary, leaves
from bayesgmm.dims import N_COMPONENTS, N_FILLED, SIZE
from bayesgmm.errors import InputError
from bayesgmm.kernels.sweeps import Record, State
from bayesgmm.kernels.telescope import (
    Tally,
    TelescopingPrior,
    add_to_tally,
    make_space,
    record_sizes,
    run_telescoping,
    update_size,
)
from bayesgmm.priors import Dirichlet
from bayesgmm.progress import announce
from bayesgmm.sampled import Sampled, Settings, most_draws
from bayesgmm.sweeping import (
    Rows,
    check_finite,
    draw_labels,
    make_record,
    others_by_name,
    rows_of,
)
from bayesgmm.target import Target, data_groups, names

LARGEST = 100
"""Components at most, where their prior has no end of its own."""
_SIZES_ASKED = 1000
THIN = 10
"""Sweeps for one draw that is kept: they are cheap, and neighbours alike."""


class _Chain(NamedTuple):
    """What one chain gives back; `drawn` has as many components as it needed."""

    drawn: Record
    sizes: np.ndarray
    tally: Tally


def telescoping(target: Target, settings: Settings, *, thin: int = THIN) -> Sampled:
    """Draw labels, components, and how many components there are, in turn [1]_.

    Parameters
    ----------
    target : Target
        Its `n_components` is how many clusters chains begin with.
    settings : Settings
        A draw is `thin` sweeps; so is a step of warm-up.
    thin : int

    Returns
    -------
    Sampled
        Components of a draw: those with rows first, then empty ones, then, up to the
        largest number drawn, some that are not there, of weight 0 and NaN otherwise.
        Group ``size`` has the posterior of the number of components, averaged over
        what it is given the partitions of all sweeps (Rao-Blackwell), with a standard
        error from the differences between chains, that of the number with rows, and
        the prior.

    Raises
    ------
    InputError
        If priors are not conjugate, have none on the number of components, or are not
        the same for all components; or weights of rows are not whole numbers.

    References
    ----------
    .. [1] S. Fruehwirth-Schnatter, G. Malsiner-Walli, B. Gruen (2021), *Generalized
       mixtures of finite mixtures and telescoping sampling*, Bayesian Anal. 16.
    """
    _check_sizes(target)
    check_conjugate(target, "telescoping")
    largest = _largest(target)
    rows, settings = rows_of(target, settings)
    prior = telescoping_prior(target.priors, target.family, largest)
    begun = time.perf_counter()
    sample = partial(_sample, target, prior, rows, settings, thin)
    with announce("Sampling by telescoping", settings.progress):
        chains = run_chains(sample, settings)
    found = list(chains.results.values())
    kept, n_draws = most_draws([len(one.sizes) for one in found])
    if n_draws == 0:
        raise KeyboardInterrupt
    found = [found[c] for c in kept]
    drawn, sizes = _stack(found, n_draws)
    groups = _named(target, drawn, sizes) | data_groups(target)
    groups[SIZE] = _size_group(found, prior)
    coords, dims = names(target, drawn.weights.shape[-1])
    return Sampled(
        groups,
        coords | {N_COMPONENTS: np.arange(1, largest + 1)},
        dims | {name: [N_COMPONENTS] for name in groups[SIZE]},
        seconds=time.perf_counter() - begun,
        interrupted=chains.interrupted,
        failures=chains.failures,
    )


def _check_sizes(target):
    priors = target.priors
    if priors.n_components is None or not isinstance(priors.weights, Dirichlet):
        raise InputError(
            "priors",
            "have a prior on `n_components`, and Dirichlet weights",
            f"{priors.n_components} and {type(priors.weights).__name__}",
            "Use `default_priors(X, n_components, kind='dynamic')`.",
        )
    if not priors.is_exchangeable:
        raise InputError(
            "priors",
            "be the same for all components where their number is not known",
            "one that differs",
            "Give one number for every feature.",
        )


def _largest(target) -> int:
    """Return the largest number with a probability, at most `LARGEST` if all have."""
    log_probabilities = target.priors.n_components.log_probabilities(_SIZES_ASKED)
    last = int(np.flatnonzero(np.isfinite(log_probabilities))[-1]) + 1
    largest = LARGEST if last == _SIZES_ASKED else last
    if target.n_components <= largest:
        return largest
    raise InputError(
        "n_components",
        f"be at most {largest}, the largest number with a prior probability",
        f"{target.n_components}",
        "It says with how many clusters chains begin.",
    )


def _sample(target, prior, rows, settings, thin, chain: int, stop: Event) -> _Chain:
    rng = np.random.default_rng([settings.seed, chain])
    largest, d = len(prior.sizes.sizes), target.table.n_features
    k = target.n_components
    state = first_state(target, first_parameters(target, rng), largest)
    tally = Tally(np.zeros(largest), np.zeros(largest), np.array([k, k]))
    draw_labels(rows, state, k, rng)
    name, own = f"telescoping, chain {chain}", leaves((state, tally))
    diary = Diary(settings.checkpoint, name, rng, own)
    run = partial(_run, rng, rows, prior, state, tally, thin)
    tune, draws = thin * settings.tune, thin * settings.draws
    deque(diary.segments("warm-up", tune, stop, partial(run, False), thin), maxlen=0)
    found = list(diary.segments("draws", draws, stop, partial(run, True), thin))
    pieces = [(Record(*drawn), sizes) for *drawn, sizes in found]
    return _Chain(*_join(pieces, d), tally)


def _run(rng, rows, prior, state, tally, thin, recorded: bool, first: int, n_sweeps):
    """Return the draws of a segment, and their sizes."""
    largest, d = state.components.means.shape
    memory = _memory(n_sweeps // thin if recorded else 0, largest, d)
    done = _sweep(rng, rows, prior, state, tally, n_sweeps, thin, *memory)
    check_finite(state, tally.size[0], first + n_sweeps, done)
    if not recorded:
        return ()
    drawn, sizes = _trim(*memory)
    return *drawn, sizes


def _memory(n_draws, largest, d):
    return make_record(n_draws, largest, d), np.zeros((n_draws, 2), dtype=np.intp)


def _sweep(
    rng,
    rows: Rows,
    prior: TelescopingPrior,
    state: State,
    tally,
    n_sweeps,
    thin,
    out,
    sizes,
) -> bool:
    """Run sweeps, recorded and counted if there is memory for it.

    Return whether all rows had labels.
    """
    n = rows.n_labels
    if rows.n_threads == 0:
        done = run_telescoping(
            rng,
            rows.X,
            rows.repeats,
            n,
            prior,
            state,
            tally,
            n_sweeps,
            thin,
            out,
            sizes,
        )
        return done == n_sweeps
    space = make_space(prior, state.concentration[0], n)
    for t in range(n_sweeps):
        update_size(rng, prior, state, tally, space, n)
        score = draw_labels(rows, state, tally.size[0], rng)
        if not np.isfinite(score):
            return False
        if len(sizes):
            add_to_tally(tally, space)
            if (t + 1) % thin == 0:
                record_sizes(state, tally, score, t // thin, out, sizes)
    return True


# -- draws of all sizes as arrays --------------------------------------------------


def _trim(out: Record, sizes):
    """Drop the places that no draw of a segment needed."""
    k = sizes[:, 0].max()
    return _to_places(out, k), sizes


def _to_places(out: Record, k: int) -> Record:
    """Return draws with `k` places for components, fewer or more than there are."""
    here = min(k, out.weights.shape[1])
    room = make_record(len(out.weights), k, out.means.shape[-1])
    for name in ("weights", "means", "covariances"):
        getattr(room, name)[:, :here] = getattr(out, name)[:, :here]
    return out._replace(
        weights=room.weights, means=room.means, covariances=room.covariances
    )


def _join(pieces, d) -> tuple[Record, np.ndarray]:
    if not pieces:
        return _memory(0, 1, d)
    k = max(piece.weights.shape[1] for piece, _ in pieces)
    records = [_to_places(piece, k) for piece, _ in pieces]
    joined = Record(*map(np.concatenate, zip(*records, strict=True)))
    return joined, np.concatenate([sizes for _, sizes in pieces])


def _stack(found: list[_Chain], n_draws: int) -> tuple[Record, np.ndarray]:
    """Return draws with leading axes of chains and draws."""
    sizes = np.stack([one.sizes[:n_draws] for one in found])
    k = int(sizes[..., 0].max())
    records = [_to_places(one.drawn, k) for one in found]
    arrays = zip(*records, strict=True)
    return Record(*(np.stack([x[:n_draws] for x in same]) for same in arrays)), sizes


def _named(target, drawn: Record, sizes) -> dict[str, dict[str, Any]]:
    posterior = {
        N_COMPONENTS: sizes[..., 0],
        N_FILLED: sizes[..., 1],
        "weights": drawn.weights,
        "means": drawn.means,
        "covariances": drawn.covariances,
        **others_by_name(drawn, target),
    }
    stats = {"log_likelihood_total": drawn.log_likelihood}
    return {"posterior": posterior, "sample_stats": stats}


def _size_group(found: list[_Chain], prior: TelescopingPrior) -> dict[str, Floats]:
    each = np.array([one.tally.probability for one in found])
    filled = np.array([one.tally.filled for one in found])
    each, filled = (x / x.sum(axis=1, keepdims=True) for x in (each, filled))
    return {
        "probability": each.mean(axis=0),
        "probability_se": _standard_error(each),
        "n_filled_probability": filled.mean(axis=0),
        "n_filled_probability_se": _standard_error(filled),
        "prior": np.exp(prior.sizes.log_prior),
    }


def _standard_error(each):
    """Return the standard error of a mean over chains; NaN for one chain."""
    n = len(each)
    return (
        each.std(axis=0, ddof=1) / np.sqrt(n)
        if n > 1
        else np.full(each.shape[1], np.nan)
    )
