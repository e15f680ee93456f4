"""`sample_prior`: mixtures from the priors, named as those of a posterior are."""

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.priors import LogNormalLKJ, Priors
from bayesgmm.target import Target, make_target, names

PRIOR = "prior"


def sample_prior(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    priors: Priors | None = None,
    draws: int = 500,
    random_seed: int | None = None,
) -> xr.DataTree:
    """Draw mixtures from the priors, before the data are looked at.

    `plot_prior_predictive` shows them beside the data.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
        Default priors are scaled to it; nothing else is taken from it but names.
    n_components : int
        Also where it has a prior: see `Priors.simulate` for what that says.
    covariance_type : str
        As in `GaussianMixture`.
    priors : Priors, optional
        `default_priors` of the data if not given.
    draws : int
    random_seed : int, optional
        The same seed gives the same draws.

    Returns
    -------
    xarray.DataTree
        Its group ``prior`` has one chain of ``weights``, ``means``, ``covariances``
        and, of conjugate priors, of what else these leave open.

    Raises
    ------
    InputError
        As `build_model`.
    """
    target = make_target(X, n_components, covariance_type, priors=priors)
    draws, seed = check_count("draws", draws), check_seed(random_seed)
    return _named(_draw(target, draws, seed), target, seed)


def _draw(target: Target, n_draws, seed) -> dict[str, Floats]:
    priors = target.priors
    if not isinstance(priors.covariances, LogNormalLKJ):
        rng = np.random.default_rng(seed)
        return priors.draw(rng, n_draws, target.n_components, target.family)
    from bayesgmm.marginal.prior_draws import draw_prior  # PyMC takes seconds

    return draw_prior(target, n_draws, seed)


def _named(values, target: Target, seed) -> xr.DataTree:
    import arviz_base as az

    coords, dims = names(target, target.n_components)
    chain = {name: array[None] for name, array in values.items()}
    tree = az.from_dict({PRIOR: chain}, coords=coords, dims=dims)
    tree[PRIOR].attrs["random_seed"] = seed
    return tree
