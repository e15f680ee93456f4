"""NUTS by nutpie, on the compiled log-posterior."""

import time

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws, Settings
from bayesgmm.progress import announce

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


def sample_nuts(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Run the No-U-Turn sampler; an interrupt keeps the draws made so far.

    Chains start at the model's initial point with uniform jitter of one unit, which is
    one standard error if the model was built with ``init=em``.
    """
    with announce("Compiling the log-posterior", settings.progress):
        compiled = _compiled(flat)
    start = time.perf_counter()
    handle = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=settings.seed,
        progress_bar=settings.progress,
        save_warmup=False,
        blocking=False,
    )
    try:
        tree, interrupted = handle.wait(), False
    except KeyboardInterrupt:
        tree, interrupted = handle.abort(), True
    values, stats = _read(tree)
    return FlatDraws(values, stats, time.perf_counter() - start, interrupted)


def _compiled(flat: FlatModel):
    log_posterior, n = flat.log_posterior(), len(flat.start)

    def jittered(seed):
        return flat.start + np.random.default_rng(seed).uniform(-JITTER, JITTER, n)

    return from_pyfunc(
        n,
        make_logp_fn=lambda: log_posterior,
        make_expand_fn=lambda *_: lambda x: {"x": np.array(x)},
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(n,)],
        expanded_names=["x"],
        make_initial_point_fn=jittered,
    )


def _read(tree):
    values = tree["posterior"]["x"].values
    stats = tree["sample_stats"].to_dataset()
    chains, n_draws = _most_draws(values)
    kept = {STATS[name]: stats[name].values for name in STATS if name in stats}
    stats = {name: value[chains, :n_draws] for name, value in kept.items()}
    return values[chains, :n_draws], stats


def _most_draws(values):
    """Choose the chains and the length that keep most draws of a ragged sample."""
    lengths = np.isfinite(values).all(axis=2).sum(axis=1)
    candidates = [(length * (lengths >= length).sum(), length) for length in lengths]
    _, n_draws = max(candidates)
    return np.flatnonzero(lengths >= max(n_draws, 1)), n_draws
