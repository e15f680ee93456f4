"""NUTS by nutpie, on the compiled log-posterior."""

import time

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesgmm.chains import run_chains
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.progress import announce
from bayesgmm.sampled import Settings, most_draws

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
JITTER = 1.0
# How often a chain looks whether it is done, in seconds.
PATIENCE = 0.02


def sample_nuts(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Run the No-U-Turn sampler; an interrupt keeps the draws made so far.

    Chains start at the model's initial point with uniform jitter of one unit, which is
    one standard error if the model was built with ``init=em``.
    """
    with announce("Compiling the log-posterior", settings.progress):
        log_posterior = flat.log_posterior()
    start = time.perf_counter()

    def sample_chain(chain, stop):
        rng = np.random.default_rng([settings.seed, chain])
        jitter = rng.uniform(-JITTER, JITTER, len(flat.start))
        seed = int(rng.integers(2**63))
        return _sample_chain(log_posterior, flat.start + jitter, seed, settings, stop)

    with announce("Sampling by NUTS", settings.progress):
        chains = run_chains(sample_chain, settings)
    values, stats = _stack(list(chains.results.values()))
    seconds = time.perf_counter() - start
    return FlatDraws(
        values,
        stats,
        seconds,
        interrupted=chains.interrupted,
        failures=chains.failures,
    )


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
            tree = handle.abort() if stop.is_set() or errors else None
    if errors:
        raise errors[0]
    return _read(tree)


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


def _stack(chains):
    """Stack chains, cut to what keeps most draws."""
    kept, n_draws = most_draws([len(values) for values, _ in chains])
    chains = [chains[c] for c in kept]
    values = np.stack([values[:n_draws] for values, _ in chains])
    names = chains[0][1]
    stats = {name: np.stack([s[name][:n_draws] for _, s in chains]) for name in names}
    return values, stats
