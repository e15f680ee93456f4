"""The criteria of the cells of a grid, in one table. Lower is better in all of them."""

from itertools import product

import numpy as np
import pandas as pd

from bayesgmm.covariances import covariance_family
from bayesgmm.criteria import Sums, all_criteria
from bayesgmm.em import Status
from bayesgmm.grid import Grid, Searched
from bayesgmm.held_out import held_out_deviance
from bayesgmm.overall import one_component
from bayesgmm.progress import track
from bayesgmm.search import Cell

CRITERIA = {
    "bic": "BIC",
    "aic": "AIC",
    "icl": "ICL",
    "nec": "NEC",
    "cv": "cross-validated deviance",
}
_SIMPLE = ("bic", "aic", "icl", "nec")
LOWER = "lower is better"
KEY = ["n_components", "covariance_type"]


def judge(
    grid: Searched, criterion: str, seed: int, progress: bool = False
) -> tuple[dict[tuple[int, str], Cell], pd.DataFrame]:
    """Search a grid; return the cells, sizes ascending, and a table of one row each."""
    found = track(grid.search(seed), len(grid), "Fitting mixtures", progress)
    cells = {(cell.n_components, cell.covariance_type): cell for cell in found}
    cells = {key: cells[key] for key in product(grid.sizes, grid.families)}
    scores, n_features = _score(grid, cells), len(grid.overall.mean)
    rows = (_row(cell, scores.get(key), n_features) for key, cell in cells.items())
    table = pd.DataFrame(rows)
    if criterion == "cv":
        assert isinstance(grid, Grid)
        deviance = held_out_deviance(grid, seed, progress)
        held_out = [deviance[key] for key in cells]
        table.insert(list(table).index("nec") + 1, "cv", held_out)
    return cells, table.rename_axis(columns=f"criteria: {LOWER}")


def _score(grid, cells):
    """Return the criteria of the cells that did not collapse, from one pass."""
    usable = {
        key: cell.parameters
        for key, cell in cells.items()
        if cell.status is not Status.COLLAPSED
    }
    families = {mixture.family.name: mixture.family for mixture in usable.values()}
    ones = [one_component(grid.overall, family) for family in families.values()]
    sums, n = grid.sum_rows([*usable.values(), *ones]), grid.n_observations
    of_one = dict(zip(families, sums.log_likelihood[len(usable) :], strict=True))
    each = map(Sums._make, np.transpose(sums))
    return {
        key: all_criteria(mixture, n, own, of_one[mixture.family.name])
        for (key, mixture), own in zip(usable.items(), each, strict=False)
    }


def _row(cell, values, n_features):
    values = dict.fromkeys(_SIMPLE, np.nan) if values is None else values
    return {
        "n_components": cell.n_components,
        "covariance_type": cell.covariance_type,
        "log_likelihood": cell.log_likelihood,
        "n_parameters": _n_parameters(cell, n_features),
        **values,
        "status": cell.status.name.lower(),
        "spurious": cell.spurious,
        "start": cell.start,
    }


def _n_parameters(cell, n_features):
    size, family = cell.n_components, covariance_family(cell.covariance_type)
    return size - 1 + size * n_features + family.n_parameters(size, n_features)


def rank(table: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """Return the rows that have a value, best first and spurious ones last."""
    known = table.dropna(subset=[criterion])
    return known.sort_values(["spurious", criterion, "n_parameters"], kind="stable")


def pivot(table: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """Return a criterion with sizes in rows and families in columns."""
    order = table["covariance_type"].unique()
    wide = table.pivot(index=KEY[0], columns=KEY[1], values=criterion)
    wide = wide.reindex(columns=order)
    return wide.rename_axis(columns=f"{CRITERIA[criterion]}, {LOWER}")
