"""The groups of an analysis in sentences and tables that are ready to be shown."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.dims import COMPONENT, SAMPLE_DIMS
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.naming import (
    SURE,
    component_name,
    format_estimate,
    format_share,
    format_shares,
)
from bayesgmm.profile_result import COLUMN, Profile

NOTABLE = 0.5
"""A group is told by a column if its mean is this many sds of all rows off the mean of
the other rows, and the sign is the same in at least `CERTAIN` of the draws."""
CERTAIN = 0.95
MOST_PAIRS = 15
MOST_TOLD = 6
"""Columns in the sentence on a group."""
TWO_DECIMALS = 0.1
"""As spread of a number that is to have so many."""
FINEST = 1e-3
"""Of the sd of the most spread group: a smaller uncertainty is not written."""
INTERVAL = f"{INTERVAL_PROBABILITY:.0%} interval"


def write_groups(profile: Profile) -> pd.DataFrame:
    """Return share, means and standard deviations of each group, original units."""
    table, rows = profile.table, {"share of rows": ("share", "")}
    for name in profile.columns:
        rows |= {f"mean of {name}": ("mean", name), f"sd of {name}": ("sd", name)}
    written = {
        name: [_write(table, k, *place) for k in profile.components]
        for name, place in rows.items()
    }
    names = list(map(component_name, profile.components))
    return pd.DataFrame.from_dict(written, orient="index", columns=names)


def _write(table: pd.DataFrame, component: Any, quantity: str, column: str) -> str:
    """Write an estimate; where a group has hardly any spread, no digits of that."""
    row: Any = table.loc[(component, quantity, column)]
    mean, sd, lower, upper = map(float, row)
    if quantity == "share":
        return format_shares(mean, lower, upper)
    return format_estimate(mean, max(sd, _finest(table, column)), lower, upper)


def _finest(table: pd.DataFrame, column: str) -> float:
    """Return the uncertainty below which digits of a column are not written."""
    widest: Any = table.xs(("sd", column), level=("quantity", COLUMN))["mean"].max()
    return FINEST * float(widest)


def portraits(profile: Profile, membership: xr.Dataset) -> dict[str, str]:
    """Say of every group in a sentence how large it is and where it is apart."""
    likeliest = membership["probability"].argmax(COMPONENT).values
    counts = np.bincount(likeliest, minlength=membership.sizes[COMPONENT])
    if len(counts) == 1:
        return {component_name(profile.components[0]): f"All {counts[0]:,} rows."}
    table, standing = profile.table, _standing(profile)
    said = {}
    for k, count in zip(profile.components, counts, strict=True):
        row: Any = table.loc[(k, "share", "")]
        share = format_shares(row["mean"], row["lower"], row["upper"])
        where = _describe(standing.sel({COMPONENT: k}))
        said[component_name(k)] = (
            f"{share} of all rows, the likeliest group of {count:,}. {where}"
        )
    return said


def _standing(profile: Profile) -> xr.DataArray:
    """Return by how many sds of all rows a group is off the other rows, by draw."""
    share, mean, sd = (profile.draws[name] for name in ("share", "mean", "sd"))
    whole = (share * mean).sum(COMPONENT)
    variance = (share * (sd**2 + (mean - whole) ** 2)).sum(COMPONENT)
    others = 1.0 - share.where(share < 1.0)
    return (mean - whole) / others / np.sqrt(variance.where(variance > 0))


def _describe(standing: xr.DataArray) -> str:
    """Name the columns in which a group stands out, the furthest first."""
    centre = standing.mean(SAMPLE_DIMS)
    sure = (np.sign(standing) == np.sign(centre)).mean(SAMPLE_DIMS) >= CERTAIN
    notable = centre.where(sure & (np.abs(centre) >= NOTABLE)).dropna(COLUMN)
    order = np.argsort(-np.abs(notable.values), kind="stable")
    words = [
        f"{'higher' if value > 0 else 'lower'} {name} ({value:+.1f} sd)"
        for name, value in zip(
            notable[COLUMN].values[order], notable.values[order], strict=True
        )
    ]
    if not words:
        return "Much like the other rows in every column."
    text = ", ".join(words[:MOST_TOLD])
    if len(words) > MOST_TOLD:
        text += f" and {len(words) - MOST_TOLD} more columns apart"
    return f"{text[0].upper()}{text[1:]} than the other rows."


def write_contrasts(profile: Profile) -> pd.DataFrame | None:
    """Return the differences of the means of every two groups, if they are few."""
    pairs = list(combinations(profile.components, 2))
    if not pairs or len(pairs) > MOST_PAIRS:
        return None
    rows = {}
    finest = {name: _finest(profile.table, name) for name in profile.columns}
    for a, b in pairs:
        table = profile.contrast(a, b)
        rows[f"{component_name(a)} less {component_name(b)}"] = {
            name: _difference(table.loc[("mean", name)], finest[name])
            for name in profile.columns
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.T if len(profile.columns) > len(pairs) else table  # rather long


def _difference(row: Any, finest: float) -> str:
    """Write a difference; one whose sign is in doubt is marked."""
    sd = max(row["sd"], finest)
    values = row["mean"], sd, row["lower"], row["upper"]
    unclear = min(row["probability"], 1 - row["probability"]) > (1 - SURE) / 2
    return format_estimate(*values) + (" ?" if unclear else "")


def write_columns(columns: pd.DataFrame) -> pd.DataFrame:
    """Return what each column tells of the groups, in percent."""
    contents: Any = columns.to_dict("index")
    rows = {
        str(name): format_shares(row["mean"], row["lower"], row["upper"])
        for name, row in contents.items()
    }
    header = f"of the group known by it alone [{INTERVAL}]"
    return pd.DataFrame.from_dict(rows, orient="index", columns=[header])


def write_stability(stability: Any) -> pd.DataFrame:
    """Return how well each group is found again."""
    rows = {}
    for name, row in stability.groups.iterrows():
        rows[component_name(name)] = {
            "rows": f"{row['rows']:,.0f}",
            f"similarity [{INTERVAL}]": format_estimate(
                row["similarity"], TWO_DECIMALS, row["lower"], row["upper"]
            ),
            "lost": format_share(row["dissolved"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
