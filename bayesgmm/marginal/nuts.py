"""NUTS by nutpie, on the compiled log-posterior."""

import time
from dataclasses import dataclass

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesgmm._typing import Floats
from bayesgmm.chains import run_chains
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.dispersed import dispersed_starts
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.mode import LogPosterior, find_mode
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
# How often a chain looks whether it is done, in seconds.
PATIENCE = 0.02
# Uniform numbers of this width have variance 1: starts are as far apart as draws.
WIDTH = np.sqrt(3.0)
# Draws of a normal posterior lie this far below its mode, in units of their spread.
DEPTH = 4.0


def sample_nuts(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Run the No-U-Turn sampler; an interrupt keeps the draws made so far.

    If the model was built with ``init=em``, the sampler sees the posterior shifted to
    its mode and scaled by its curvature there, and chains start as far from the mode as
    draws of a normal posterior are: warm-up has only the length of a step to learn. If
    not, or if the posterior has no curvature to speak of, chains start at the model's
    initial point with uniform jitter of one unit in every free variable.

    Dispersed chains start at the good optima of EM in turn, each with its own view.
    """
    with announce("Compiling the log-posterior", settings.progress):
        log_posterior = flat.log_posterior()
    begun = time.perf_counter()
    starts = dispersed_starts(flat) if settings.dispersed else [flat.start]
    target = getattr(flat.model, "target", None)
    from_em = target is not None and target.em is not None
    views = [_view(log_posterior, start, from_em) for start in starts]

    def sample_chain(chain, stop):
        view = views[chain % len(views)]
        rng = np.random.default_rng([settings.seed, chain])
        start = view.start(rng)
        seed = int(rng.integers(2**63))
        values, stats = _sample_chain(view.log_density, start, seed, settings, stop)
        return view.centre + values @ view.root.T, stats

    with announce("Sampling by NUTS", settings.progress):
        chains = run_chains(sample_chain, settings)
    values, stats = _stack(list(chains.results.values()))
    seconds = time.perf_counter() - begun
    return FlatDraws(
        values,
        stats,
        seconds,
        interrupted=chains.interrupted,
        failures=chains.failures,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The posterior as the sampler sees it: of y, where ``x = centre + root @ y``."""

    log_posterior: LogPosterior
    centre: Floats
    root: Floats
    width: float

    def log_density(self, y):
        value, gradient = self.log_posterior(self.centre + self.root @ y)
        return value, gradient @ self.root

    def start(self, rng):
        """Draw a start, brought nearer until it is as likely as draws are."""
        n = len(self.centre)
        y = rng.uniform(-self.width, self.width, n)
        highest = self.log_posterior(self.centre)[0]
        deepest = highest - 0.5 * n - DEPTH * np.sqrt(0.5 * n)
        for _ in range(20):
            if self.log_density(y)[0] >= deepest:
                break
            y *= 0.7
        return y


def _view(log_posterior, start, from_em):
    if from_em:
        mode = find_mode(log_posterior, start)
        if mode.found:
            return _View(log_posterior, mode.centre, mode.root, WIDTH)
    return _View(log_posterior, start, np.eye(len(start)), 1.0)


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
