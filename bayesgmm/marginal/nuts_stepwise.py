"""NUTS by PyMC, NumPyro and BlackJAX, a step at a time, so that chains can be stopped.

What NumPyro and BlackJAX see of the posterior, `jax_density` chooses.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from threading import Event

import numpy as np
import pymc as pm

from bayesgmm._typing import Floats
from bayesgmm.errors import InputError
from bayesgmm.marginal.mode import LogPosterior
from bayesgmm.marginal.nuts import Chain, View
from bayesgmm.sampled import Settings

# A draw with its statistics, or None during warm-up.
Step = tuple[Floats, dict] | None
# PyMC's names in its integrator, and in what it gives users.
STATS = {
    "model_logp": "lp",
    "diverging": "diverging",
    "depth": "tree_depth",
    "reached_max_treedepth": "reached_max_treedepth",
    "tree_size": "n_steps",
    "energy": "energy",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}


def pymc_chains(
    log_posterior: LogPosterior, settings: Settings
) -> Callable[[Floats, int, Event], Chain]:
    """Run chains by PyMC's own sampler; see `nuts.Backend`."""

    def steps(start, seed) -> Iterator[Step]:
        step, point = _pymc_sampler(log_posterior, start), {"x": start}
        rng = np.random.default_rng(seed)
        step.setup_chain(rng=rng, tune=settings.tune, draws=settings.draws)
        for _ in range(settings.tune):
            point, _ = step.step(point)
            yield None
        step.stop_tuning()
        while True:
            point, (stats,) = step.step(point)
            yield point["x"], {new: stats[name] for name, new in STATS.items()}

    return _collected(steps, settings)


class _Function:
    """A log-density in the dress in which PyMC's steps expect it."""

    _extra_vars_shared: dict = {}  # noqa: RUF012
    _raveled_inputs = True
    dtype = "float64"

    def __init__(self, log_posterior: LogPosterior):
        self._pytensor_function = log_posterior


def _pymc_sampler(log_posterior, start):
    with pm.Model() as one_vector:
        pm.Flat("x", shape=len(start))
    return pm.NUTS(
        model=one_vector,
        logp_dlogp_func=_Function(log_posterior),
        initial_point={"x": start},
    )


def numpyro_chains(
    view: View, settings: Settings
) -> Callable[[Floats, int, Event], Chain]:
    """Run chains by NumPyro's sampler; see `nuts.Backend`."""
    _need("nuts_numpyro", "jax", "numpyro")
    import jax
    from numpyro.infer.hmc import hmc

    from bayesgmm.marginal.jax_density import in_jax

    log_density = in_jax(view)
    begin, advance = hmc(lambda x: -log_density(x), algo="NUTS")
    advance = jax.jit(advance)

    def steps(start, seed) -> Iterator[Step]:
        state = begin(start, settings.tune, rng_key=jax.random.key(seed))
        for _ in range(settings.tune):
            state = advance(state)
            yield None
        while True:
            state = advance(state)
            yield (
                np.array(state.z),
                {
                    "lp": -float(state.potential_energy),
                    "diverging": bool(state.diverging),
                    "n_steps": int(state.num_steps),
                    "energy": float(state.energy),
                    "step_size": float(state.adapt_state.step_size),
                    "acceptance_rate": float(state.accept_prob),
                },
            )

    return _collected(steps, settings)


def blackjax_chains(
    view: View, settings: Settings
) -> Callable[[Floats, int, Event], Chain]:
    """Run chains by BlackJAX's sampler; see `nuts.Backend`.

    Its warm-up is one step, and cannot be stopped.
    """
    _need("nuts_blackjax", "jax", "blackjax")
    import blackjax
    import jax

    from bayesgmm.marginal.jax_density import in_jax

    log_density = in_jax(view)
    kernel = blackjax.nuts.build_kernel()
    adaptation = blackjax.window_adaptation(blackjax.nuts, log_density)
    warm_up = jax.jit(lambda key, x: adaptation.run(key, x, settings.tune)[0])
    advance = jax.jit(lambda key, state, own: kernel(key, state, log_density, **own))

    def steps(start, seed) -> Iterator[Step]:
        key, first = jax.random.split(jax.random.key(seed))
        state, own = warm_up(first, start)
        while True:
            key, now = jax.random.split(key)
            state, info = advance(now, state, own)
            yield (
                np.array(state.position),
                {
                    "lp": float(state.logdensity),
                    "diverging": bool(info.is_divergent),
                    "tree_depth": int(info.num_trajectory_expansions),
                    "n_steps": int(info.num_integration_steps),
                    "energy": float(info.energy),
                    "step_size": float(own["step_size"]),
                    "acceptance_rate": float(info.acceptance_rate),
                },
            )

    return _collected(steps, settings)


def _need(method, *packages):
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(
            "method",
            "be one whose packages are installed",
            f"{method!r} without {' and '.join(missing)}",
            "Install them with `pip install 'bayesgmm[jax]'`, or use 'nuts'.",
        )


def _collected(steps, settings):
    def run(start, seed, stop) -> Chain:
        draws: list = []
        for step in steps(start, seed):
            if step is not None:
                draws.append(step)
            if len(draws) == settings.draws or stop.is_set():
                break
        if not draws:
            return np.empty((0, len(start))), {}
        values, stats = zip(*draws, strict=True)
        names = stats[0]
        return np.array(values), {n: np.array([one[n] for one in stats]) for n in names}

    return run
