"""Any function of labels and rows, averaged over what labels may be."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.dims import CHAIN, DRAW
from bayesgmm.errors import InputError
from bayesgmm.kept import observations_of
from bayesgmm.label_draws import draw_labels
from bayesgmm.monte_carlo import effective_size
from bayesgmm.posterior import read_mixtures

N_DRAWS = 200
"""Of each chain: what is computed of labels may be slow."""

FEWEST_DRAWS = 4
"""Of each chain: the effective size of fewer is not known."""


class LabelAverage(NamedTuple):
    """A function of labels over the posterior; from `average_over_labels`.

    Attributes
    ----------
    mean, sd : float or array
        Over the posterior of labels, in the shape that the function returns.
    standard_error : float or array
        Of `mean`, because draws are finitely many and depend on each other. NaN for
        chains of fewer than four draws: how these depend on each other is not known.
    values : array of shape (n_chains, n_draws, ...)
        What the function returned.
    """

    mean: Any
    sd: Any
    standard_error: Any
    values: Floats


def average_over_labels(
    function: Callable[[Ints, Floats], Any],
    posterior: xr.DataTree,
    X: Any = None,
    *,
    n_draws: int | None = None,
    random_seed: int | None = 0,
) -> LabelAverage:
    """Average a function of labels over the posterior.

    Parameters
    ----------
    function : function
        ``function(labels, X)`` returns a number or an array, always of one shape.
        ``labels`` are integers (n_observations,): places of components, counted from 0,
        and -1 for noise. ``X`` is an array (n_observations, n_features).
    posterior : xarray.DataTree
        Draws of a mixture. Relabel them first where the function tells components
        apart. The number of components may vary over draws.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds. Rows of
        the fit, known by their index and values, keep their known labels.
    n_draws : int, optional
        Of each chain, evenly spread; the function is called once for each. By default
        200, or all if there are fewer.
    random_seed : int or None, default 0
        None takes another one each time.

    Returns
    -------
    LabelAverage
        ``mean``, ``sd``, ``standard_error`` and ``values``.

    Raises
    ------
    InputError
        If the function returns nothing, no finite numbers or another shape for other
        labels, `X` has other features than the posterior, or `n_draws` is not from 1 to
        the number of draws.
    """
    if not callable(function):
        raise InputError(
            "function",
            "be a function (labels, X)",
            f"a {type(function).__name__}",
            "For example `lambda labels, X: np.bincount(labels + 1).max()`.",
        )
    draws = read_mixtures(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    n_draws = min(N_DRAWS, draws.n_draws) if n_draws is None else n_draws
    labels = draw_labels(posterior, table, n_draws=n_draws, random_seed=random_seed)
    X = table.values.copy()
    X.flags.writeable = False  # a function must not change what the posterior holds
    values = _call(function, labels, X)
    flat = values.reshape(*values.shape[:2], -1)
    sd = values.std(axis=(0, 1))
    sizes = effective_size(np.moveaxis(flat, -1, 0))
    error = sd / np.sqrt(sizes.reshape(sd.shape))
    error = error if n_draws >= FEWEST_DRAWS else np.full_like(sd, np.nan)
    mean = values.mean(axis=(0, 1))
    return LabelAverage(mean[()], sd[()], error[()], values)  # numbers, not arrays of 0


def _call(function, labels: xr.DataArray, X: Floats) -> Floats:
    """Return the function of every draw, (n_chains, n_draws, ...), checked."""
    n_chains, n_draws = labels.shape[:2]
    found: list[Floats] = []
    for chain, draw in np.ndindex(n_chains, n_draws):
        at = f"at {CHAIN} {chain}, {DRAW} {labels[DRAW].values[draw]}"
        value = _as_numbers(function(labels.values[chain, draw].astype(np.intp), X), at)
        if found and value.shape != found[0].shape:
            shapes = f"shape {value.shape} {at} after {found[0].shape}"
            raise _returned("return arrays of one shape", shapes)
        found.append(value)
    return np.reshape(found, (n_chains, n_draws, *found[0].shape))


def _as_numbers(value: Any, at: str) -> Floats:
    """Return numbers as an array of their own, which the function cannot change."""
    try:
        array = np.array(value)
        array = array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        array = None
    if array is not None and array.size and np.isfinite(array).all():
        return array
    got = "other things" if array is None else "a number that is not finite"
    got = got if array is None or array.size else "an empty array"
    raise _returned("return finite numbers", f"{got} {at}")


def _returned(rule: str, got: str) -> InputError:
    return InputError(
        "function",
        rule,
        got,
        "Components may be without rows in some draws: say there what it means.",
    )
