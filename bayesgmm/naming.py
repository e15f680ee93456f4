"""What tables and pictures show, what they call it, and how they write numbers."""

import math
from typing import Any

import pandas as pd

from bayesgmm.dims import NOISE, NOISE_NAME

SURE = 0.9
"""A row is in doubt if its likeliest group has less than this probability."""

ROUNDING = 1e-12
"""Relative to a number: a smaller spread is none."""

LEAST_SHARE = 0.001
"""Of what is written in percent."""

_SINGULAR = {
    "weights": "weight",
    "means": "mean",
    "standard_deviations": "sd",
    "correlations": "correlation",
}


def component_name(component: Any) -> str:
    """Return what legends and tables call a component: its name, or "group 0"."""
    name = str(component)
    if name == str(NOISE):
        return NOISE_NAME
    return f"group {name}" if name.isdecimal() else name


def parameter_name(index: Any) -> str:
    """Name a row of a comparison's table: "group 0: mean of eruptions"."""
    parameter, component, *places = index
    features = [str(place) for place in places if not (pd.isna(place) or place == "")]
    name = _SINGULAR.get(parameter, str(parameter).replace("_", " "))
    of = f" of {', '.join(features)}" if features else ""
    return f"{component_name(component)}: {name}{of}"


def free_parameters(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out of a comparison what the model fixes, as the weight of one group."""
    return table.loc[table["sd"] > 0]


def format_number(value: float, spread: float) -> str:
    """Write a number with as many decimals as two digits of its spread have."""
    if not math.isfinite(value):
        return "—"
    if not (math.isfinite(spread) and spread > ROUNDING * abs(value)):
        return f"{value:.4g}"
    place = math.floor(math.log10(spread))
    if place < -4 and value != 0:
        digits = math.floor(math.log10(abs(value))) - place + 2
        return f"{value:.{max(digits, 1)}g}"
    return f"{value:,.{max(1 - place, 0)}f}"


def format_estimate(mean: float, sd: float, lower: float, upper: float) -> str:
    """Write a mean with its interval: "54.75 [53.60, 55.90]"."""
    mean_, lower_, upper_ = (format_number(x, sd) for x in (mean, lower, upper))
    return f"{mean_} [{lower_}, {upper_}]"


def format_share(share: float) -> str:
    """Write a share in percent; 0 and 100 only if it is nothing, or all."""
    if math.isnan(share):
        return "—"
    if 0.0 < share < LEAST_SHARE:
        return f"<{LEAST_SHARE:.1%}"
    if 1.0 - LEAST_SHARE < share < 1.0:
        return f">{1.0 - LEAST_SHARE:.1%}"
    return f"{share:.1%}"


def format_shares(mean: float, lower: float, upper: float) -> str:
    """Write a share with its interval: "35.6% [30.9%, 40.4%]"."""
    mean_, lower_, upper_ = map(format_share, (mean, lower, upper))
    return f"{mean_} [{lower_}, {upper_}]"
