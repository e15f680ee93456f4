"""Last year's posterior as this year's prior, by matching moments."""

from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_share
from bayesgmm.errors import InputError
from bayesgmm.posterior import Draws, posterior_group, read_draws
from bayesgmm.priors import Dirichlet, InverseWishart, NormalMeans, Priors
from bayesgmm.relabel.resolved import check_resolved


def carry_over(posterior: Any, discount: float = 1.0) -> Priors:
    """Match priors with the draws of a posterior; see `Priors.from_posterior`.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled.
    discount : float
        What prior variances are divided by.

    Returns
    -------
    Priors
    """
    discount = check_share("discount", discount)
    _check_kind(posterior)
    draws = read_draws(posterior)
    _check_spread(draws)
    means = NormalMeans(draws.means.mean(0), draws.means.std(0) / np.sqrt(discount))
    return Priors(
        _weights(draws.weights, discount),
        means,
        _covariances(draws.covariances, discount),
        draws.feature_names,
    )


def _weights(weights: Floats, discount: float) -> Dirichlet:
    """Match means, and the sum of variances ``sum(m * (1 - m)) / (total + 1)``."""
    mean = weights.mean(axis=0)
    if len(mean) == 1:
        return Dirichlet(mean)
    total = (1.0 - mean @ mean) / weights.var(axis=0).sum() - 1.0
    return Dirichlet(discount * total * mean)


def _covariances(covariances: Floats, discount: float) -> InverseWishart:
    """Match means, and the variances of the component of which least is known.

    A variance is inverse-gamma of some shape a, of which mean**2 / variance is a - 2.
    """
    d = covariances.shape[-1]
    mean = covariances.mean(axis=0)
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    relative = variances.var(axis=0) / variances.mean(axis=0) ** 2
    shape = 2.0 + discount / relative.mean(axis=-1).max()
    # Of a matrix the shape is (degrees - d + 1) / 2, of variances alone degrees / 2.
    alone = not (mean * (1.0 - np.eye(d))).any()
    degrees = 2.0 * shape + (0 if alone else d - 1)
    return InverseWishart(degrees, 2.0 * (shape - 1.0) * mean)


def _check_kind(posterior) -> None:
    attrs = posterior_group(posterior).attrs
    if "bootstrap" in attrs:
        raise InputError(
            "posterior",
            "be draws of a posterior",
            f"replicates of a {attrs['bootstrap']} bootstrap",
            "Sample a posterior with `bayesgmm.sample`.",
        )
    check_resolved(posterior)


def _check_spread(draws: Draws) -> None:
    """Refuse what does not vary: it would be a prior that no data move."""
    variances = np.diagonal(draws.covariances, axis1=-2, axis2=-1)
    varying = [draws.means, variances] + [draws.weights] * (draws.n_components > 1)
    if not all((values.std(axis=0) > 0).all() for values in varying):
        raise InputError(
            "posterior",
            "have draws of every parameter that differ",
            f"{draws.n_samples} draws, some of them constant",
            "Free what is held, and sample more draws.",
        )
