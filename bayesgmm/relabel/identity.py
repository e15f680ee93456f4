"""Names of components that stay the same from one fit to the next."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.arguments import check_names
from bayesgmm.optima import pair_components
from bayesgmm.posterior import read_draws
from bayesgmm.relabel.permute import name_components, permute
from bayesgmm.relabel.reference import as_mixture, mean_mixture
from bayesgmm.relabel.resolved import check_resolved


def rename(
    posterior: xr.DataTree, names: Mapping[int | str, str] | Sequence[str]
) -> xr.DataTree:
    """Return the posterior with other names of components.

    Tables, plots and memberships show them, and they can be selected by them:
    ``posterior["posterior"].sel(component="short")``.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled draws or replicates; left as they are.
    names : dict or sequence of str
        From a component's place or present name to its new name, for example
        ``{0: "short"}``; the others keep theirs. Or names of all, in their order.

    Returns
    -------
    xarray.DataTree
        With the names in the coordinate ``component`` of every group that has it.

    Raises
    ------
    InputError
        If there is no such component, two would have the same name, or labels have not
        been resolved.

    See Also
    --------
    GaussianMixture.rename : The same of a fit.
    """
    check_resolved(posterior)
    draws = read_draws(posterior, noisy=True)
    return name_components(posterior, check_names(names, draws.components.tolist()))


def align_to(posterior: xr.DataTree, reference: Any) -> xr.DataTree:
    """Return the posterior with components in the order of another fit or posterior.

    All draws change places in the same way, so labels that were resolved stay so.
    `relabel` with a reference looks at every draw anew.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled draws or replicates; left as they are.
    reference : GaussianMixture, MixtureParameters or xarray.DataTree
        Of as many components, on the same features: for example the fit, or what last
        year's data gave. Of a posterior, relabelled too, the means are looked at.

    Returns
    -------
    xarray.DataTree
        With the names of `reference`, or numbers if it has none.

    Raises
    ------
    InputError
        If the two have not the same components and features, or labels have not been
        resolved.

    See Also
    --------
    GaussianMixture.align_to : The same of a fit, by the same distances.

    Notes
    -----
    The pairs of components are those with the smallest sum of distances. A distance is
    the largest of the difference in weight and the differences in mean and covariance
    in units of the spread of the component of `reference`, between posterior means.
    """
    check_resolved(posterior)
    draws = read_draws(posterior, noisy=True)
    other = as_mixture(reference, draws)
    order = pair_components(other, mean_mixture(draws))[0]
    every = np.tile(order, (draws.n_chains, draws.n_draws, 1))
    return name_components(permute(posterior, every), other.components)
