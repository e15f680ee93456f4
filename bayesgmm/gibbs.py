"""Gibbs sampling of a mixture of a known number of components, conjugate priors."""

import time
from collections import deque
from functools import partial
from threading import Event

import numpy as np
from scipy.stats import beta

from bayesgmm.chains import run_chains
from bayesgmm.completing import NoiseShare
from bayesgmm.conjugate_form import (
    check_conjugate,
    disperse,
    first_parameters,
    first_state,
    gibbs_prior,
)
from bayesgmm.diary import Diary, leaves
from bayesgmm.dims import NOISE_WEIGHT
from bayesgmm.kernels.sweeps import (
    GibbsPrior,
    Record,
    State,
    record,
    run_sweeps,
    update,
)
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


def gibbs(target: Target, settings: Settings) -> Sampled:
    """Draw labels, then weights, means and covariances, in turn.

    The posterior is that of `nuts` under the same priors. Where these are the same for
    all orders of the components, every sweep ends with a random one, so that chains
    are in all modes that differ by labels alone.

    Parameters
    ----------
    target : Target
    settings : Settings

    Raises
    ------
    InputError
        If priors are not conjugate, or weights of rows are not whole numbers.

    References
    ----------
    .. [1] J. Diebolt, C. P. Robert (1994), *Estimation of finite mixture distributions
       through Bayesian sampling*, JRSS-B 56:363-375.
    .. [2] S. Fruehwirth-Schnatter (2001), *Markov chain Monte Carlo estimation of
       classical and dynamic switching and mixture models*, JASA 96:194-209.
    """
    check_conjugate(target, "gibbs")
    rows, settings = rows_of(target, settings)
    prior, begun = gibbs_prior(target), time.perf_counter()
    with announce("Sampling by Gibbs", settings.progress):
        chains = run_chains(partial(_sample, target, prior, rows, settings), settings)
    found = list(chains.results.values())
    kept, n_draws = most_draws([len(noise) for _, noise in found])
    if n_draws == 0:
        raise KeyboardInterrupt

    def stack(arrays):
        return np.stack([arrays[c][:n_draws] for c in kept])

    records, noise = zip(*found, strict=True)
    stacked = Record(*map(stack, zip(*records, strict=True)))
    groups = _named(target, stacked, stack(noise)) | data_groups(target)
    coords, dims = names(target, target.n_components)
    return Sampled(
        groups,
        coords,
        dims,
        seconds=time.perf_counter() - begun,
        interrupted=chains.interrupted,
        failures=chains.failures,
    )


def _sample(target, prior, rows, settings, chain: int, stop: Event):
    """Return the draws of a chain, and of the weight of noise if there is any."""
    rng = np.random.default_rng([settings.seed, chain])
    k, d = target.n_components, target.table.n_features
    if target.noise is not None:
        rows = rows._replace(share=NoiseShare(target))
    state = first_state(target, first_parameters(target, rng), k)
    draw_labels(rows, state, k, rng)
    disperse(state.total)
    share = [] if rows.share is None else [rows.share.now]
    name, own = f"Gibbs, chain {chain}", [*leaves(state), *share]
    diary = Diary(settings.checkpoint, name, rng, own)
    run = partial(_run, rng, rows, prior, state)
    warm_up = diary.segments("warm-up", settings.tune, stop, partial(run, False))
    deque(warm_up, maxlen=0)
    draws = diary.segments("draws", settings.draws, stop, partial(run, True))
    nothing = *make_record(0, k, d), np.empty(0)
    *drawn, noise = map(np.concatenate, zip(nothing, *draws, strict=True))
    return Record(*drawn), noise


def _run(rng, rows, prior, state, recorded: bool, first: int, n_sweeps: int):
    """Return the draws of a segment, and of the weight of noise."""
    k, d = state.components.means.shape
    n = n_sweeps if recorded else 0
    out, noise = make_record(n, k, d), np.zeros(n)
    done = _sweep(rng, rows, prior, state, n_sweeps, out, noise)
    check_finite(state, k, first + n_sweeps, done)
    return *out, noise


def _sweep(
    rng, rows: Rows, prior: GibbsPrior, state: State, n_sweeps, out: Record, noise
) -> bool:
    """Run sweeps, all of them recorded or none; tell whether all rows had labels."""
    if rows.n_threads == 0:
        done = run_sweeps(rng, rows.X, rows.repeats, prior, state, n_sweeps, out)
        return done == n_sweeps
    for t in range(n_sweeps):
        update(rng, prior, state)
        score = draw_labels(rows, state, len(state.log_weights), rng)
        if not np.isfinite(score):
            return False
        if len(out.weights):
            record(state, score, t, out)
            noise[t] = 0.0 if rows.share is None else rows.share.weight
    return True


def _named(target, drawn: Record, noise):
    posterior = {
        "weights": drawn.weights,
        "means": drawn.means,
        "covariances": drawn.covariances,
        **others_by_name(drawn, target),
    }
    lp = drawn.log_likelihood + target.priors.log_density(posterior, target.family)
    if target.noise is not None:
        posterior["relative_weights"], posterior[NOISE_WEIGHT] = drawn.weights, noise
        posterior["weights"] = (1.0 - noise)[..., None] * drawn.weights
        lp += beta.logpdf(noise, *target.noise_concentration)
    stats = {"lp": lp, "log_likelihood_total": drawn.log_likelihood}
    return {"posterior": posterior, "sample_stats": stats}
