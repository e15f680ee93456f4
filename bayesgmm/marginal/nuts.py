"""The No-U-Turn sampler on a posterior shifted and scaled, whoever takes the steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.chains import run_chains
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.dispersed import dispersed_starts
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.mode import LogPosterior, find_mode
from bayesgmm.progress import announce
from bayesgmm.sampled import Settings, most_draws

# Uniform numbers of this width have variance 1: starts are as far apart as draws.
WIDTH = np.sqrt(3.0)
# Draws of a normal posterior lie this far below its mode, in units of their spread.
DEPTH = 4.0

# Draws of shape (n_draws, n), and statistics by PyMC's names.
Chain = tuple[Floats, dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The posterior as the sampler sees it: of y, where ``x = centre + root @ y``.

    Called with y it returns the log-density and its gradient.
    """

    flat: FlatModel
    log_posterior: LogPosterior
    centre: Floats
    root: Floats
    width: float

    def __call__(self, y):
        value, gradient = self.log_posterior(self.centre + self.root @ y)
        return value, gradient @ self.root

    def start(self, rng):
        """Draw a start, brought nearer until it is as likely as draws are."""
        n = len(self.centre)
        y = rng.uniform(-self.width, self.width, n)
        highest = self.log_posterior(self.centre)[0]
        deepest = highest - 0.5 * n - DEPTH * np.sqrt(0.5 * n)
        for _ in range(20):
            if self(y)[0] >= deepest:
                break
            y *= 0.7
        return y


# Chains of one view, from a start, with a seed, until done or stopped.
Backend = Callable[[View, Settings], Callable[[Floats, int, Event], Chain]]


def sample_nuts(flat: FlatModel, settings: Settings, backend: Backend) -> FlatDraws:
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
    views = [_view(flat, log_posterior, start, from_em) for start in starts]
    runs = [backend(view, settings) for view in views]

    def sample_chain(chain, stop):
        view, run = views[chain % len(views)], runs[chain % len(views)]
        rng = np.random.default_rng([settings.seed, chain])
        start = view.start(rng)
        values, stats = run(start, int(rng.integers(2**63)), stop)
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


def _view(flat, log_posterior, start, from_em):
    if from_em:
        mode = find_mode(log_posterior, start)
        if mode.found:
            return View(flat, log_posterior, mode.centre, mode.root, WIDTH)
    return View(flat, log_posterior, start, np.eye(len(start)), 1.0)


def _stack(chains):
    """Stack chains, cut to what keeps most draws."""
    kept, n_draws = most_draws([len(values) for values, _ in chains])
    if n_draws == 0:  # stopped during warm-up: there is nothing to keep
        raise KeyboardInterrupt
    chains = [chains[c] for c in kept]
    values = np.stack([values[:n_draws] for values, _ in chains])
    names = chains[0][1]
    stats = {name: np.stack([s[name][:n_draws] for _, s in chains]) for name in names}
    return values, stats
