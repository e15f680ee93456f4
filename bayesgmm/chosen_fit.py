"""EM for several numbers of components, and which fit to go on with."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning
from bayesgmm.estimator import GaussianMixture
from bayesgmm.fitting import build_objective
from bayesgmm.validation import Table

REPAIR = {"prior": "default"}
OFTEN = 0.1
"""A value that so many rows share is no accident of rounding."""


def choose_fit(
    table: Table, candidates: list[int], settings: dict[str, Any]
) -> tuple[GaussianMixture, pd.DataFrame | None]:
    """Fit by EM; return the best fit by BIC, and a table if there are several.

    Parameters
    ----------
    table : Table
    candidates : list of int
        Numbers of components, ascending. Fits with a component that is no group come
        last: it makes the likelihood as high as one likes.
    settings : dict
        Arguments of `GaussianMixture`.

    Returns
    -------
    em : GaussianMixture
        If all its runs collapsed, a fit with the default prior in its place.
    selection : pandas.DataFrame or None

    Warns
    -----
    CollapseWarning
        If that was so, or if no fit of more than one component can be used.
    """
    build_objective(GaussianMixture(candidates[-1], **settings), table, None)
    pairs = [_fit(table, k, settings) for k in candidates]
    fits, warned = map(list, zip(*pairs, strict=True))
    rows = [
        {
            "n_components": em.n_components,
            "log_likelihood": em.log_likelihood_,
            "bic": em.bic(table),
            "em": _describe_end(em),
        }
        for em in fits
    ]
    best = min(
        range(len(fits)), key=lambda i: (_is_degenerate(fits[i]), rows[i]["bic"])
    )
    em, others = fits[best], fits[:best] + fits[best + 1 :]
    if em.status_ is Status.COLLAPSED and em.prior is None:
        warnings.warn(_describe_collapse(table, em), CollapseWarning, 3)
        em, warned[best] = _fit(table, em.n_components, settings | REPAIR)
    elif em.n_components == 1 and others and all(map(_is_degenerate, others)):
        warnings.warn(_describe_ruin(table, others), CollapseWarning, 3)
    for each in warned[best]:
        warnings.warn(each.message, stacklevel=3)
    selection = pd.DataFrame(rows).set_index("n_components")
    return em, selection if len(candidates) > 1 else None


def _fit(table: Table, n_components: int, settings):
    """Return a fit and its warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        em = GaussianMixture(n_components, **settings).fit(table)
    return em, warned


def _is_degenerate(em) -> bool:
    """Tell whether a component of the fit is no group, but a few rows or ties."""
    return em.status_ is Status.COLLAPSED or em.restarts_.spurious


def _describe_end(em) -> str:
    if em.status_ is not Status.COLLAPSED and em.restarts_.spurious:
        return "spurious"
    return em.status_.name.lower().replace("_", " ")


def _describe_collapse(table: Table, em) -> str:
    return (
        f"With {em.n_components} components EM found no maximum of the likelihood: in "
        "all runs one shrank onto few or equal rows. It took `prior='default'`, under "
        f"which none can. {_advise(table)}"
    )


def _describe_ruin(table: Table, others) -> str:
    sizes = " to ".join(str(others[i].n_components) for i in (0, -1))
    return (
        f"One component was chosen because in every fit of {sizes} some component "
        "shrank onto few or equal rows. With `prior='default'` none can. "
        f"{_advise(table)}"
    )


def _advise(table: Table) -> str:
    """Name values too frequent for a density, and say what to do."""
    found = map(_most_frequent, table.feature_names, table.values.T)
    ties = ", ".join(filter(None, found))
    apart = f"Set rows apart that have the same value ({ties}), " if ties else ""
    return apart + (
        "and fit logarithms of skewed columns."
        if ties
        else "Look at the largest values, and fit logarithms of skewed columns."
    )


def _most_frequent(name: str, values) -> str:
    """Say how many rows have the most frequent value of a column, if they are many."""
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    share = counts.max() / len(values)
    if share < OFTEN:
        return ""
    return f"{name} is {distinct[counts.argmax()]:g} in {share:.0%}"
