"""Which rows are those of a fit: by index and values, or all of them in their order."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesgmm.kept import rows_of_fit
from bayesgmm.validation import check_table

X = np.array([[0, 0], [1, 0], [0, 0], [1, np.nan], [0, 1], [1, 1.0]])
IDS = [f"c{i}" for i in range(6)]
FRAME = pd.DataFrame(X, IDS)
NUMBERED = pd.DataFrame(X)


def fit(ids=None):
    coords = {} if ids is None else {"obs_id": ids}
    data = xr.Dataset({"X": (("obs_id", "feature"), X)}, coords)
    return xr.DataTree.from_dict({"constant_data": data})


def edited(frame):
    other = frame.copy()
    other.iloc[1, 0] = 7.0
    return other


NONE = [-1] * 6
CASES = {
    "all": (None, X, range(6)),
    "the first, numbered alike": (None, X[:4], range(4)),
    "the first by chance in part": (None, X[[0, 1, 5]], [-1] * 3),
    "others, numbered alike": (None, X[3:], [-1] * 3),
    "turned round": (None, NUMBERED.iloc[::-1], range(6)[::-1]),
    "twice": (None, NUMBERED.iloc[[5, 0, 0]], [5, 0, 0]),
    "one edited": (None, edited(NUMBERED), NONE),
    "one edited, turned round": (None, edited(NUMBERED)[::-1], [5, 4, 3, 2, -1, 0]),
    "by name": (IDS, FRAME.iloc[[4, 1]], [4, 1]),
    "without their names": (IDS, X, range(6)),
    "some without their names": (IDS, X[:4], [-1] * 4),
    "under other names": (IDS, FRAME.set_axis(IDS[::-1]), range(6)),
    "some under other names": (IDS, FRAME.set_axis(IDS[::-1])[1:], [-1] * 5),
    "old and new": (
        IDS,
        pd.concat([FRAME[2:4], FRAME[:1].set_axis(["d"])]),
        [2, 3, -1],
    ),
    "one edited by name": (IDS, edited(FRAME), [0, -1, 2, 3, 4, 5]),
    "names that are not unique": (
        [*IDS[:4], "c0", "c5"],
        FRAME.iloc[[5, 3, 0, 1]],
        [5, 3, -1, 1],
    ),
    "a name of another kind": (IDS, NUMBERED.iloc[::-1][:2], [-1] * 2),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_found(case):
    ids, rows, expected = CASES[case]
    found = rows_of_fit(fit(ids), check_table(rows, "fiml"))
    assert found.tolist() == list(expected)


def test_without_data_there_are_no_rows():
    nothing = xr.DataTree.from_dict({"constant_data": xr.Dataset()})
    assert rows_of_fit(nothing, check_table(np.eye(2))).tolist() == [-1, -1]
