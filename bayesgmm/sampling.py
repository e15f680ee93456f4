"""`sample`: draws from the posterior of a model, named and with labels resolved."""

import warnings
from collections.abc import Callable
from typing import Any

import xarray as xr

from bayesgmm.arguments import check_choice, check_count, check_seed
from bayesgmm.dims import DIMS
from bayesgmm.errors import PosteriorWarning
from bayesgmm.kernels.threads import available_cores
from bayesgmm.posterior import APPROXIMATE, POSTERIOR, build_posterior
from bayesgmm.relabel import relabel
from bayesgmm.sampled import Sampled, Settings

TUNE = 500

# Samplers of conjugate posteriors, which need no PyMC.
CONJUGATE: dict[str, Callable[[Any, Settings], Sampled]] = {}


def sample(
    model,
    method: str = "nuts",
    *,
    draws: int = 1000,
    tune: int = TUNE,
    chains: int = 4,
    cores: int | None = None,
    random_seed: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Sample the posterior of a model, relabel it, and return it for ArviZ.

    Parameters
    ----------
    model : pymc.Model
        From `build_model`, or any model of continuous variables. Labels are resolved
        if it has the variables ``weights``, ``means`` and ``covariances``.
    method : {"nuts", "advi", "fullrank_advi"}
        NUTS is exact in the long run. The two others fit a normal distribution to the
        unconstrained variables and draw from it: quick, and only approximate.
    draws, tune, chains : int
        Draws are per chain, after `tune` steps of warm-up. Approximations return
        ``draws * chains`` independent draws as one chain.
    cores : int, optional
        Chains that run at the same time; all processors if not given. Draws do not
        depend on it.
    random_seed : int, optional
        The same seed gives the same draws.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``,
        and ``log_likelihood`` unless draws x observations exceed ten million.
        If the user interrupts, the draws made so far are returned, with a warning.

    Raises
    ------
    InputError
        If an argument is wrong.
    KeyboardInterrupt
        If the user interrupts before the first draw after warm-up.
    """
    settings = Settings(
        draws=check_count("draws", draws),
        tune=check_count("tune", tune),
        chains=check_count("chains", chains),
        cores=available_cores() if cores is None else check_count("cores", cores),
        seed=check_seed(random_seed),
        progress=progress,
    )
    sampled = _run(model, method, settings)
    attrs = {
        "method": method,
        "random_seed": settings.seed,
        "tuning_steps": tune,
        "sampling_time": sampled.seconds,
        APPROXIMATE: 0,  # a number, for files
    }
    posterior = build_posterior(
        sampled.groups, sampled.coords, sampled.dims, attrs | sampled.attrs
    )
    _warn(sampled, posterior, settings)
    return _relabelled(posterior, model)


def _run(what, method, settings) -> Sampled:
    if method in CONJUGATE:
        return CONJUGATE[method](what, settings)
    from bayesgmm.marginal.run import METHODS, sample_model  # PyMC takes seconds

    name = check_choice("method", method, (*METHODS, *CONJUGATE))
    return sample_model(what, name, settings)


def _warn(sampled: Sampled, posterior, settings) -> None:
    """Say what is missing from the draws."""
    for chain, error in sampled.failures.items():
        _tell(f"Chain {chain} died and is left out: {type(error).__name__}: {error}")
    if sampled.interrupted:
        sizes = posterior[POSTERIOR].sizes
        _tell(
            f"Sampling was interrupted: {sizes['draw']} of {settings.draws} draws in "
            f"{sizes['chain']} of {settings.chains} chains were kept."
        )


def _tell(message):
    warnings.warn(message, PosteriorWarning, stacklevel=4)


def _relabelled(posterior, model):
    if not set(DIMS) <= set(posterior[POSTERIOR].data_vars):
        return posterior
    target = getattr(model, "target", None)
    return relabel(posterior, reference=target and target.em)
