"""Which rows to decide on, and which to look at again."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number, check_share
from bayesgmm.dims import COMPONENT, OBSERVATION, UNDECIDED, UNDECIDED_NAME
from bayesgmm.errors import InputError
from bayesgmm.membership import BOTH, VARIABLES
from bayesgmm.naming import SURE

NEEDED = (
    "probability",
    "probability_lower",
    "probability_upper",
    "label",
    "entropy",
    "parameter_entropy",
)
"""Of what `membership` returns."""
ROUNDING = 1e-6
"""Of the sum of a row's probabilities."""


def confident_labels(membership: xr.Dataset, error_rate: float = 0.05) -> xr.Dataset:
    """Label the rows that are sure enough, and leave the others undecided.

    Rows are decided from the surest on, as many as keep the expected share of wrong
    labels among them at `error_rate` or below. Rows as sure as each other are decided
    alike.

    Parameters
    ----------
    membership : xarray.Dataset
        From `membership`.
    error_rate : float, default 0.05
        Of the labels that are given, from 0 to below 1.

    Returns
    -------
    xarray.Dataset
        ``label`` (obs_id): the place of the likeliest component, counted from 0, -1 for
        noise and -2 where undecided; ``name``, the same in words; ``decided``; and
        ``error``, the probability that the likeliest component is not the right one.
        Attributes ``n_decided``, ``expected_error`` (the expected share of errors among
        the decided, 0 if there are none), ``error_of_all`` (were all decided) and
        ``error_rate``.

    Raises
    ------
    InputError
        If `membership` is not what `membership` returns, with all components, or
        `error_rate` is not from 0 to below 1.

    Notes
    -----
    Probabilities are averages over the posterior, so the expectation knows that the
    parameters are not known. It is right as far as the model is. Every row counts once,
    also a row whose label was known, which is decided without error.

    References
    ----------
    .. [1] M. A. Newton, A. Noueiry, D. Sarkar, P. Ahlquist (2004), *Detecting
       differential gene expression with a semiparametric hierarchical mixture method*,
       Biostatistics 5:155-176, which decides by the same running mean.
    """
    rate = check_number(
        "error_rate", error_rate, "be at least 0 and below 1", lambda r: 0 <= r < 1
    )
    probability = _probabilities(membership)
    errors = np.maximum(1.0 - probability.max(axis=1), 0.0)
    decided = _decide(errors, rate)
    names = membership[COMPONENT].values.astype(str)[probability.argmax(axis=1)]
    variables = {
        "label": np.where(decided, membership["label"].values, UNDECIDED),
        "name": np.where(decided, names, UNDECIDED_NAME),
        "decided": decided,
        "error": errors,
    }
    return xr.Dataset(
        {name: (OBSERVATION, values) for name, values in variables.items()},
        {OBSERVATION: membership[OBSERVATION].values},
        {
            "n_decided": int(decided.sum()),
            "expected_error": float(errors[decided].mean()) if decided.any() else 0.0,
            "error_of_all": float(errors.mean()),
            "error_rate": rate,
        },
    )


def _decide(errors: Floats, rate: float) -> np.ndarray:
    """Tell which rows are among the surest whose mean error is `rate` at most."""
    ordered = np.sort(errors)
    running = ordered.cumsum() / np.arange(1, len(ordered) + 1)
    last_of_equals = np.append(ordered[1:] > ordered[:-1], True)
    good = np.flatnonzero(last_of_equals & (running <= rate))
    return errors <= (ordered[good[-1]] if len(good) else -1.0)


def ambiguous_rows(membership: xr.Dataset, below: float = SURE) -> pd.DataFrame:
    """List the rows that are not sure of their component, the most ambiguous first.

    Parameters
    ----------
    membership : xarray.Dataset
        From `membership`.
    below : float, default 0.9
        Rows are listed whose likeliest component has a lower probability than this.

    Returns
    -------
    pandas.DataFrame
        One row an observation, under its ``obs_id``: ``likeliest`` component and its
        ``probability`` with ``lower`` and ``upper`` end of its interval; ``second``
        and ``second_probability``; ``parameter_share``, the part of the entropy that
        comes from not knowing the parameters, which more rows would take away. The
        rest comes from components that overlap, and would stay.

    Raises
    ------
    InputError
        If `membership` is not what `membership` returns, with all components, or
        `below` is not above 0 and at most 1.
    """
    below = check_share("below", below)
    probability = _probabilities(membership)
    best = probability.max(axis=1)
    order = np.argsort(best, kind="stable")
    rows = order[best[order] < below]
    ranked = np.argsort(-probability[rows], axis=1, kind="stable")
    first, second = ranked[:, 0], ranked[:, :2][:, -1]
    components = membership[COMPONENT].values
    entropy = membership["entropy"].values[rows]
    return pd.DataFrame(
        {
            "likeliest": components[first],
            "probability": best[rows],
            "lower": _both(membership, "probability_lower")[rows, first],
            "upper": _both(membership, "probability_upper")[rows, first],
            "second": components[second],
            "second_probability": probability[rows, second],
            "parameter_share": membership["parameter_entropy"].values[rows] / entropy,
        },
        index=pd.Index(membership[OBSERVATION].values[rows], name=OBSERVATION),
    )


def _probabilities(membership: Any) -> Floats:
    """Return probabilities (obs_id, component), refused if they are none."""
    _check_variables(membership)
    values = _both(membership, "probability")
    # NaN is in no range.
    good = ((values >= 0.0) & (values <= 1.0 + ROUNDING)).all(axis=1)
    good &= np.abs(values.sum(axis=1) - 1.0) <= ROUNDING
    if good.all():
        return values
    row = int(good.argmin())
    raise _not_membership(
        "have probabilities from 0 to 1 that sum to 1 over the components",
        f"{', '.join(f'{p:.3g}' for p in values[row, :3])}"
        f"{', ...' * (values.shape[1] > 3)} in row {row}",
    )


def _check_variables(membership: Any) -> None:
    """Refuse what lacks a variable that is read here, or has no rows."""
    if not isinstance(membership, xr.Dataset):
        raise _not_membership("be an xarray.Dataset", f"a {type(membership).__name__}")
    for name in NEEDED:
        dims = VARIABLES[name][0]
        found = membership[name].dims if name in membership else "no such variable"
        if set(found) != set(dims):
            rule = f"have `{name}` with dimensions {dims}"
            raise _not_membership(rule, str(found))
    for dim in BOTH:
        if dim not in membership.coords or not membership.sizes[dim]:
            raise _not_membership(f"have a coordinate `{dim}` of one or more", "none")


def _not_membership(rule: str, got: str) -> InputError:
    remedy = "Pass what `bayesgmm.membership(posterior)` returned, all its components."
    return InputError("membership", rule, got, remedy)


def _both(membership: xr.Dataset, name: str) -> Floats:
    return membership[name].transpose(*BOTH).values
