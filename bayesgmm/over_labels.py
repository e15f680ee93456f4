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


class LabelAverage(NamedTuple):
    """A function of labels over the posterior; from `average_over_labels`.

    Attributes
    ----------
    mean, sd : float or array
        Over the posterior of labels, in the shape that the function returns.
    standard_error : float or array
        Of `mean`, because draws are finitely many and depend on each other. NaN for a
        single draw.
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
        Old or new observations, by default the data that the posterior holds, whose
        known labels stay as they are.
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
        If the function returns no finite numbers or others shapes for other labels, `X`
        has other features than the posterior, or `n_draws` is not from 1 to the number
        of draws.
    """
    draws = read_mixtures(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    n_draws = min(N_DRAWS, draws.n_draws) if n_draws is None else n_draws
    labels = draw_labels(posterior, X, n_draws=n_draws, random_seed=random_seed)
    X = table.values.copy()
    X.flags.writeable = False  # a function must not change what the posterior holds
    values = _call(function, labels, X)
    flat = values.reshape(*values.shape[:2], -1)
    sd = values.std(axis=(0, 1))
    sizes = [effective_size(each) for each in np.moveaxis(flat, -1, 0)]
    error = sd / np.sqrt(np.reshape(sizes, sd.shape))
    error = error if flat[..., 0].size > 1 else np.full_like(sd, np.nan)
    mean = values.mean(axis=(0, 1))
    return LabelAverage(mean[()], sd[()], error[()], values)  # numbers, not arrays of 0


def _call(function, labels: xr.DataArray, X: Floats) -> Floats:
    """Return the function of every draw, (n_chains, n_draws, ...), checked."""
    n_chains, n_draws = labels.shape[:2]
    found: list[Floats] = []
    for chain, draw in np.ndindex(n_chains, n_draws):
        value = _as_numbers(function(labels.values[chain, draw].astype(np.intp), X))
        at = f"at {CHAIN} {chain}, {DRAW} {labels[DRAW].values[draw]}"
        if value is None or not np.isfinite(value).all():
            got = "other things" if value is None else "a number that is not finite"
            raise _returned("return finite numbers", f"{got} {at}")
        if found and value.shape != found[0].shape:
            shapes = f"shape {value.shape} {at} after {found[0].shape}"
            raise _returned("return arrays of one shape", shapes)
        found.append(value)
    return np.reshape(found, (n_chains, n_draws, *found[0].shape))


def _as_numbers(value: Any) -> Floats | None:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _returned(rule: str, got: str) -> InputError:
    return InputError(
        "function",
        rule,
        got,
        "Components may be without rows in some draws: say there what it means.",
    )
