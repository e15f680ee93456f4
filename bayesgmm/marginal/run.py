"""Run a sampler on a PyMC model: the table of methods."""

from collections.abc import Callable
from functools import partial

import pymc as pm

from bayesgmm.marginal.advi import sample_advi, sample_fullrank_advi
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.marginal.laplace import sample_laplace
from bayesgmm.marginal.nuts import sample_nuts
from bayesgmm.marginal.nuts_nutpie import nutpie_chains
from bayesgmm.marginal.nuts_stepwise import (
    blackjax_chains,
    numpyro_chains,
    pymc_chains,
)
from bayesgmm.marginal.pathfinder import sample_pathfinder
from bayesgmm.marginal.quantities import name_draws
from bayesgmm.marginal.smc import sample_smc
from bayesgmm.sampled import Sampled, Settings

NUTS = {
    "nuts": nutpie_chains,
    "nuts_pymc": pymc_chains,
    "nuts_numpyro": numpyro_chains,
    "nuts_blackjax": blackjax_chains,
}
METHODS: dict[str, Callable[[FlatModel, Settings], FlatDraws]] = {
    **{name: partial(sample_nuts, backend=each) for name, each in NUTS.items()},
    "advi": sample_advi,
    "fullrank_advi": sample_fullrank_advi,
    "laplace": sample_laplace,
    "pathfinder": sample_pathfinder,
    "smc": sample_smc,
}
RESUMED = ("nuts", "nuts_pymc", "laplace", "pathfinder")
"""Those that are deterministic given a seed and values of the log-posterior."""


def sample_model(model: pm.Model, method: str, settings: Settings) -> Sampled:
    """Return draws of every variable of a model.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before there is a draw to keep.
    """
    flat = FlatModel(model, settings.checkpoint)
    draws = METHODS[method](flat, settings)
    if draws.values.shape[1] == 0:  # stopped before there was anything to keep
        raise KeyboardInterrupt
    return name_draws(flat, draws)
