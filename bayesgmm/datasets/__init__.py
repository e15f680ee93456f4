"""Small data sets of the mixture literature, ready to be fitted.

Where each comes from, and under which terms, is in `SOURCES.md` beside this file.
"""

from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from bayesgmm.arguments import check_choice


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """What a file holds: its measurements, its known classes if any, one sentence."""

    measurements: tuple[str, ...]
    classes: str | None
    sentence: str


_ENTRIES = {
    "acidity": _Entry(
        ("log_acidity",),
        None,
        "Acidity of 155 lakes in Wisconsin, natural log.",
    ),
    "diabetes": _Entry(
        ("glucose", "insulin", "sspg"),
        "class",
        "Three blood measurements of 145 adults: normal, chemical or overt diabetes.",
    ),
    "enzyme": _Entry(
        ("enzyme",),
        None,
        "Activity of an enzyme in the blood of 245 people.",
    ),
    "faithful": _Entry(
        ("eruptions", "waiting"),
        None,
        "272 eruptions of the Old Faithful geyser: duration and wait, minutes.",
    ),
    "galaxies": _Entry(
        ("velocity",),
        None,
        "Velocities of 82 galaxies of the Corona Borealis region, 1000 km/s.",
    ),
    "iris": _Entry(
        ("Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"),
        "Species",
        "Four measurements of 150 irises of three species, cm.",
    ),
    "penguins": _Entry(
        ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"),
        "species",
        "Four measurements of 342 penguins of three species, mm and g.",
    ),
    "wine": _Entry(
        (
            "alcohol",
            "malic_acid",
            "ash",
            "alcalinity_of_ash",
            "magnesium",
            "total_phenols",
            "flavanoids",
            "nonflavanoid_phenols",
            "proanthocyanins",
            "color_intensity",
            "hue",
            "od280/od315_of_diluted_wines",
            "proline",
        ),
        "cultivar",
        "Thirteen chemical measurements of 178 wines of three cultivars.",
    ),
}


def names() -> list[str]:
    """Return the names that `load` takes."""
    return list(_ENTRIES)


def load(name: str) -> pd.DataFrame:
    """Load the measurements of a data set.

    Only numeric measurements are returned, so that the frame goes straight into
    `bayesgmm.fit`. Known classes, where there are any, come from `classes`.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    pandas.DataFrame
        One row an observation; the index is the row's place in the original file.

    Raises
    ------
    InputError
        If there is no such data set.

    Notes
    -----
    - galaxies: row 77, counted from 0, is 26.960. The copy in R's MASS has 26.690
      there, a typing error that its own help page states; both versions circulate,
      and fits differ.
    - penguins: rows 3 and 271, which lack all four measurements, are left out.
    - iris: the values of Fisher's paper, as in R. The copy at UCI differs in two rows.
    """
    entry, table = _read(name)
    return table.loc[:, list(entry.measurements)]


def classes(name: str) -> pd.Series:
    """Load the known classes of a data set, one a row of `load(name)`.

    Parameters
    ----------
    name : str
        A data set with known classes: diabetes, iris, penguins or wine.

    Raises
    ------
    InputError
        If there is no such data set, or it has no known classes.
    """
    column_of = {key: entry.classes for key, entry in _ENTRIES.items() if entry.classes}
    column = column_of[check_choice("name", name, column_of)]
    return _read(name)[1].loc[:, column]


def describe() -> pd.DataFrame:
    """Return one row a data set: its size, whether classes are known, what it is."""
    rows = {}
    for name, entry in _ENTRIES.items():
        n_observations, n_features = load(name).shape
        rows[name] = {
            "n_observations": n_observations,
            "n_features": n_features,
            "classes": entry.classes is not None,
            "what": entry.sentence,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def _read(name: str) -> tuple[_Entry, pd.DataFrame]:
    """Return the entry of a data set and its rows with complete measurements."""
    entry = _ENTRIES[check_choice("name", name, _ENTRIES)]
    with files(__name__).joinpath(f"{name}.csv").open() as stream:
        table = pd.read_csv(stream)
    return entry, table.dropna(subset=list(entry.measurements))
