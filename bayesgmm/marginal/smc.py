"""Sequential Monte Carlo, from the prior to the posterior, with PyMC's kernel."""

import time
from dataclasses import replace

import numpy as np
import pytensor
from pymc.smc.kernels import IMH
from scipy.special import logsumexp

from bayesgmm.chains import run_chains
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.flat_draws import FlatDraws
from bayesgmm.progress import announce
from bayesgmm.sampled import Settings


def sample_smc(flat: FlatModel, settings: Settings) -> FlatDraws:
    """Temper the likelihood from nothing to the whole; estimate the evidence too.

    Every chain is a population of its own, one after the other: PyMC's functions do not
    let go of the interpreter lock. A population is drawn from the prior, so that no
    start is needed and all modes are found that have a share of it.

    References
    ----------
    .. [1] J. Ching, Y.-C. Chen (2007), *Transitional Markov chain Monte Carlo method
       for Bayesian model updating*, Journal of Engineering Mechanics 133:816-832.
    """
    with announce("Compiling the log-posterior", settings.progress):
        kernel = IMH(draws=settings.draws, model=flat.model, random_seed=settings.seed)
    begun = time.perf_counter()

    def sample_chain(chain, stop):
        return _temper(kernel, np.random.default_rng([settings.seed, chain]), stop)

    with announce("Sampling by SMC", settings.progress):
        chains = run_chains(sample_chain, replace(settings, cores=1))
    done = [result for result in chains.results.values() if result is not None]
    if not done:
        raise KeyboardInterrupt
    values, lp, evidence = map(np.stack, zip(*done, strict=True))
    return FlatDraws(
        values,
        {"lp": lp},
        time.perf_counter() - begun,
        attrs=_evidence(evidence),
        interrupted=chains.interrupted,
        failures=chains.failures,
    )


def _temper(kernel: IMH, rng: np.random.Generator, stop):
    """Return draws, log-posteriors and evidence; None if stopped on the way."""
    # Prior draws are made once: compiling for them would take a minute.
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        kernel.initialize(None, rng)
    while kernel.beta < 1:
        if stop.is_set():
            return None
        kernel.update_beta_and_weights()
        kernel.step()
    lp = kernel.prior_logp + kernel.likelihood_logp
    return kernel.tempered_posterior.copy(), lp, kernel.log_marginal_likelihood


def _evidence(logs):
    """Average estimates, which are unbiased before the logarithm is taken."""
    mean = logsumexp(logs) - np.log(len(logs))
    spread = float(logs.std(ddof=1)) if len(logs) > 1 else np.nan
    return {"log_evidence": float(mean), "log_evidence_sd": spread}
