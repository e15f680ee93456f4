"""The criteria of the cells of a grid, in one table. Lower is better in all of them."""

from itertools import product

import numpy as np
import pandas as pd

from bayesgmm import criteria
from bayesgmm.compression import compress, one_by_one
from bayesgmm.covariances import covariance_family
from bayesgmm.em import Status
from bayesgmm.grid import Grid
from bayesgmm.held_out import held_out_deviance
from bayesgmm.initialise import start_from_labels
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
    grid: Grid, criterion: str, seed: int, progress: bool = False
) -> tuple[dict[tuple[int, str], Cell], pd.DataFrame]:
    """Search a grid; return the cells, sizes ascending, and a table of one row each."""
    found = track(grid.search(seed), len(grid), "Fitting mixtures", progress)
    cells = {(cell.n_components, cell.covariance_type): cell for cell in found}
    cells = {key: cells[key] for key in product(grid.sizes, grid.families)}
    rows = one_by_one(compress(grid.rows))
    table = pd.DataFrame([_row(cell, rows) for cell in cells.values()])
    if criterion == "cv":
        deviance = held_out_deviance(grid, seed, progress)
        held_out = [deviance[key] for key in cells]
        table.insert(list(table).index("nec") + 1, "cv", held_out)
    return cells, table.rename_axis(columns=f"criteria: {LOWER}")


def _row(cell, rows):
    usable = cell.status is not Status.COLLAPSED
    values = _criteria(cell.parameters, rows) if usable else dict.fromkeys(_SIMPLE)
    return {
        "n_components": cell.n_components,
        "covariance_type": cell.covariance_type,
        "log_likelihood": cell.log_likelihood,
        "n_parameters": _n_parameters(cell, rows.X.shape[1]),
        **{name: np.nan if value is None else value for name, value in values.items()},
        "status": cell.status.name.lower(),
        "spurious": cell.spurious,
        "start": cell.start,
    }


def _criteria(mixture, rows):
    data = rows.X, rows.sample_weight
    values = {name: getattr(criteria, name)(mixture, *data) for name in _SIMPLE[:3]}
    together = np.zeros(len(rows.X), dtype=np.intp)
    one = start_from_labels(data[0], together, 1, mixture.family, data[1])
    of_one = criteria.log_likelihood(one, *data)
    return values | {"nec": criteria.nec(mixture, *data, of_one=of_one)}


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
