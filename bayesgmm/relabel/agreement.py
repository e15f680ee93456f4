"""In how many draws two methods of relabelling say the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.arguments import check_places
from bayesgmm.dims import COMPONENT, SAMPLE_DIMS
from bayesgmm.posterior import RELABELLING
from bayesgmm.relabel.methods import METHODS, relabel


def relabelling_agreement(
    posterior: xr.DataTree, methods: Sequence[str] = tuple(METHODS), X: Any = None
) -> pd.DataFrame:
    """Compare methods of relabelling with each other.

    Where they disagree, components overlap, and what is said of one of them depends on
    how labels were resolved.

    Parameters
    ----------
    posterior : xarray.DataTree
    methods : sequence of str
        As `relabel` takes them; by default all.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds.

    Returns
    -------
    pandas.DataFrame
        For each pair the share of draws that take the same permutation, up to a
        permutation common to all draws, which only names the components.

    Raises
    ------
    InputError
        As `relabel`.
    """
    names = list(METHODS)
    chosen = [names[place] for place in check_places("methods", methods, names)]
    found = [_permutations(relabel(posterior, name, X=X)) for name in chosen]
    shares = [[_share(a, b) for b in found] for a in found]
    index = pd.Index(chosen, name="method")
    return pd.DataFrame(shares, index=index, columns=pd.Index(chosen))


def _permutations(relabelled):
    stored = relabelled[RELABELLING]["permutation"].transpose(*SAMPLE_DIMS, COMPONENT)
    return stored.values.reshape(-1, stored.sizes[COMPONENT])


def _share(a, b) -> float:
    """Return how many draws have the commonest step from one labelling to the other."""
    steps = np.take_along_axis(np.argsort(a, axis=1), b, axis=1)
    return float(np.unique(steps, axis=0, return_counts=True)[1].max() / len(steps))
