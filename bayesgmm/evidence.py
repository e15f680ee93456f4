"""The marginal likelihood of a mixture, with its Monte Carlo standard error."""

import warnings
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_seed
from bayesgmm.bridge import bridge
from bayesgmm.dims import CHAIN, COMPONENT, DRAW, N_FILLED, SAMPLE_DIMS
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.monte_carlo import average
from bayesgmm.posterior import (
    APPROXIMATE,
    RELABELLING,
    STANDARD_ERROR_FACTOR,
    posterior_group,
)
from bayesgmm.relabel import relabel, unrelabel
from bayesgmm.symmetry import FlatPosterior, find_orders
from bayesgmm.target import Target
from bayesgmm.thames import thames
from bayesgmm.unconstrained import ConjugateDensity

METHODS = {"bridge": bridge, "thames": thames}

MOST_COMPONENTS = 7
"""5,040 orders; each more takes many times as long."""

DRAWS_PER_VARIABLE = 20

N_ROWS_OF_ORDERS = 2000
"""Draws from which is found what orders of components do to vectors."""

LARGE_ERROR = 0.2
"""Of a log evidence. A difference of 1 already means little."""

APART = 0.99
"""Labellings lie apart if a draw's own has at least this share of its density."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """An estimate of a log marginal likelihood.

    Attributes
    ----------
    log_evidence : float
        Natural log of p(data), with all constants and over all labellings: log K! is
        in it.
    standard_error : float
        Monte Carlo standard error of `log_evidence`.
    method : str
    n_draws : int
        Posterior draws that went in.
    note : str
        Whether labellings lie apart, and if the standard error is large, that it is.
    """

    log_evidence: float
    standard_error: float
    method: str
    n_draws: int
    note: str

    def __str__(self) -> str:
        return (
            f"log evidence {self.log_evidence:.3f}, standard error "
            f"{self.standard_error:.3f} ({self.method}, {self.n_draws} draws). "
            f"{self.note}"
        )


def evidence(
    posterior: xr.DataTree,
    model: Any,
    method: str = "bridge",
    *,
    random_seed: int | None = None,
) -> Evidence:
    """Estimate the marginal likelihood of the data under a mixture and its priors.

    Differences between models of the same data are log Bayes factors: of other numbers
    of components, families, or priors.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a sampler that is exact in the long run, not of an approximation.
    model : pymc.Model
        What was sampled: from `build_model`, or any model with the variables
        ``weights``, ``means`` and ``covariances`` whose free variables name their
        dimension of components.
    method : {"bridge", "thames"}
        Bridge sampling is the more precise of the two. THAMES needs posterior draws
        only, and serves as a check.
    random_seed : int, optional
        The same seed gives the same estimate.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If the draws are not those of the posterior of the model, or are too few, or
        the components too many, or the model has gaps, known labels or noise.

    Warns
    -----
    PosteriorWarning
        If no chain switched labels where labellings overlap: it has not seen all. If
        the standard error is above 0.2.

    Notes
    -----
    All variables are made unconstrained. A mixture posterior is the same in all K!
    orders of its components; the estimators are averaged over them, so that it does not
    matter which of them chains visited, and nothing is added for them afterwards. Each
    half of the draws shapes an estimator which the other half uses; the standard error
    accounts for autocorrelation, and is no less than half the difference of the two.
    Priors that tell components apart have one order only.
    """
    estimate = METHODS[check_choice("method", method, METHODS)]
    rng = np.random.default_rng(check_seed(random_seed))
    n_components = _check_posterior(posterior)
    posterior = _one_order(posterior, model)
    flat = _flat_posterior(posterior, _density(model), n_components)
    found = average([estimate(*halves, rng) for halves in flat.halves()])
    if not np.isfinite(found.value):
        raise InputError(
            "method",
            "fit the posterior",
            f"{method!r}, which found no draws where it looks",
            "Use `method='bridge'`.",
        )
    note = _describe(flat, posterior, n_components) + _doubt(found.standard_error)
    return Evidence(*found, method, flat.log_densities.size, note)


def _check_posterior(posterior) -> int:
    """Return how many components there are, refused where there is no estimator."""
    group = posterior_group(posterior)
    attrs, n_components = group.attrs, group.sizes.get(COMPONENT, 1)
    if attrs.get(APPROXIMATE) or STANDARD_ERROR_FACTOR in attrs:
        raise InputError(
            "posterior",
            "hold draws of the posterior itself",
            "replicates of a fit" if STANDARD_ERROR_FACTOR in attrs else "approximate",
            "Sample it with `method='nuts'`, or 'gibbs' for conjugate priors.",
        )
    if N_FILLED in group or N_FILLED in attrs:
        raise InputError(
            "posterior",
            "be sampled with a known number of components",
            "draws of which the number was drawn",
            "Its group 'size' has the probability of each number; or sample one of "
            "them with `method='gibbs'`.",
        )
    if n_components > MOST_COMPONENTS:
        raise InputError(
            "posterior",
            f"have {MOST_COMPONENTS} components or fewer",
            f"{n_components}, with {factorial(n_components):,} orders",
            "Put a prior on their number and sample with `method='telescoping'`.",
        )
    return n_components


def _one_order(posterior: xr.DataTree, model) -> xr.DataTree:
    """Return the posterior relabelled, if it is not."""
    if RELABELLING in posterior.children:
        return posterior
    target = getattr(model, "target", model)
    return relabel(posterior, X=target.table if isinstance(target, Target) else None)


def _density(model) -> Any:
    """Return the density of a target with conjugate priors, or of a PyMC model."""
    target = getattr(model, "target", model)
    if isinstance(target, Target) and not target.is_plain:
        raise InputError(
            "model",
            "be of complete rows without labels and noise",
            "one with gaps, known labels or noise",
            "Compare such models with `bayesgmm.loo`.",
        )
    if isinstance(target, Target) and _is_conjugate(target):
        return ConjugateDensity(target)
    from bayesgmm.marginal.density import model_density  # PyMC takes seconds

    return model_density(model)


def _is_conjugate(target: Target) -> bool:
    try:
        target.priors.conjugate_covariances(target.family)
    except InputError:
        return False
    return True


def _flat_posterior(posterior, density: Any, n_components: int) -> FlatPosterior:
    """Return draws as vectors, with what orders of the components do to them."""
    values, axes = _values(posterior, density.names)
    some = {name: value[_some(len(value))] for name, value in values.items()}
    orders = find_orders(density, some, axes, n_components)
    if len(orders) < factorial(n_components):
        values, _ = _values(unrelabel(posterior), density.names)
    flat = density.flatten(values)
    _check_draws(flat)
    logs, sizes = density.log_density(flat), posterior_group(posterior).sizes
    shape = sizes[CHAIN], sizes[DRAW]
    return FlatPosterior(flat.reshape(*shape, -1), logs.reshape(shape), density, orders)


def _values(posterior, names) -> tuple[dict[str, Floats], dict[str, int]]:
    """Return draws (n_samples, ...) of variables, and their axes of components."""
    group, values, axes = posterior_group(posterior), {}, {}
    for name in names:
        if name not in group:
            raise InputError(
                "posterior",
                "hold the free variables of `model`",
                f"no {name!r}",
                "Pass the model that was sampled, and draws with all its variables.",
            )
        array = group[name].transpose(*SAMPLE_DIMS, ...)
        values[name] = array.values.reshape(-1, *array.shape[2:])
        if COMPONENT in array.dims:
            axes[name] = array.dims.index(COMPONENT) - 1
    return values, axes


def _some(n: int):
    return np.linspace(0, n - 1, min(n, N_ROWS_OF_ORDERS)).astype(int)


def _check_draws(flat: Floats):
    needed = DRAWS_PER_VARIABLE * flat.shape[1]
    if len(flat) < needed:
        raise InputError(
            "posterior",
            f"hold {needed} draws or more for {flat.shape[1]} free numbers",
            f"{len(flat)}",
            "Sample more draws.",
        )
    if not np.isfinite(flat).all():
        raise InputError(
            "posterior",
            "lie within the support of `model`",
            "a draw on its edge, such as a weight of 0",
            "Choose a larger Dirichlet concentration.",
        )


def _describe(flat: FlatPosterior, posterior, n_components: int) -> str:
    """Say how labellings lie; warn if chains should have switched and did not."""
    if n_components == 1:
        return "There is one labelling."
    if len(flat.orders) == 1:
        return "The prior knows components by their order: there is one labelling."
    share = flat.share_of_own_order()
    if share >= APART:
        return "Labellings lie apart."
    switched = posterior[RELABELLING]["permutation"].transpose(*SAMPLE_DIMS, COMPONENT)
    if (switched.values == switched.values[:, :1]).all():
        warnings.warn(
            f"Labellings overlap (a draw's own has {share:.0%} of its density) but no "
            "chain switched from one to another: the chains are too short to have seen "
            "all of the posterior, and its evidence may be too low.",
            PosteriorWarning,
            stacklevel=3,
        )
    return (
        f"Labellings overlap (a draw's own has {share:.0%} of its density): the "
        "evidence of one labelling, with log K! added, would be another number."
    )


def _doubt(standard_error: float) -> str:
    """Return a warning to add to the note, and give it, if the estimate is not good."""
    if standard_error <= LARGE_ERROR:
        return ""
    doubt = (
        f"Its standard error is {standard_error:.2f}: draws are few, or parts of the "
        "posterior are seldom visited. Sample more, and compare both methods."
    )
    warnings.warn(doubt, PosteriorWarning, stacklevel=3)
    return " " + doubt
