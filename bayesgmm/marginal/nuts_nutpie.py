"""NUTS by nutpie, on the compiled log-posterior."""

import warnings
from collections.abc import Callable
from threading import Event, Lock

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesgmm._typing import Floats
from bayesgmm.marginal.mode import LogPosterior
from bayesgmm.marginal.nuts import Chain
from bayesgmm.sampled import Settings

# nutpie's names, and what PyMC's own sampler calls the same quantities.
STATS = {
    "logp": "lp",
    "diverging": "diverging",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "n_steps": "n_steps",
    "energy": "energy",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}
# How often a chain looks whether it is done, in seconds.
PATIENCE = 0.02
# Warning filters belong to all threads.
_FILTERS = Lock()


def nutpie_chains(
    log_posterior: LogPosterior, settings: Settings
) -> Callable[[Floats, int, Event], Chain]:
    """Return what runs one chain; see `nuts.Backend`."""

    def run(start, seed, stop):
        return _sample_chain(log_posterior, start, seed, settings, stop)

    return run


def _sample_chain(log_posterior, start, seed, settings, stop):
    """Run one chain; a sampler of its own, so that an error in it stays there."""
    errors = []

    def guarded(x):  # nutpie cannot pass an error on
        try:
            return log_posterior(x)
        except Exception as error:
            errors.append(error)
            return np.nan, np.full(len(x), np.nan)

    handle = nutpie.sample(
        _compiled(guarded, start),
        draws=settings.draws,
        tune=settings.tune,
        chains=1,
        cores=1,
        seed=seed,
        progress_bar=False,
        save_warmup=False,
        blocking=False,
    )
    tree = None
    while tree is None:
        try:
            tree = handle.wait(timeout=PATIENCE)
        except TimeoutError:
            tree = _abort(handle) if stop.is_set() or errors else None
    if errors:
        raise errors[0]
    return _read(tree)


def _abort(handle):
    """Return the draws so far; ArviZ warns where there are none."""
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found chain dimension")
        return handle.abort()


def _compiled(log_posterior, start):
    n = len(start)
    return from_pyfunc(
        n,
        make_logp_fn=lambda: log_posterior,
        make_expand_fn=lambda *_: lambda x: {"x": np.array(x)},
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(n,)],
        expanded_names=["x"],
        make_initial_point_fn=lambda _: start.copy(),
    )


def _read(tree):
    """Return the draws and the statistics of a chain."""
    values = tree["posterior"]["x"].values[0]
    stats = tree["sample_stats"].to_dataset()
    return values, {
        STATS[name]: stats[name].values[0] for name in STATS if name in stats
    }
