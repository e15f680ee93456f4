"""Tables as people have them: read as they are meant, or refused with what to do."""

import numpy as np
import pandas as pd
import pytest

from bayesgmm import datasets
from bayesgmm.cli.common import split
from bayesgmm.errors import InputError
from bayesgmm.readers import read_table

NAMES, ROWS = ["Größe (cm)", "k$ %"], [[1.5, 1000.25], [2.25, 3.0], [-3.0, 1234567.0]]
PLAIN = "Größe (cm),k$ %\n1.5,1000.25\n2.25,3\n-3,1234567\n"
EUROPEAN = "Größe (cm);k$ %\n1,5;1000,25\n2,25;3\n-3;1234567\n"
POINTS = "Größe (cm);k$ %\n1,5;1.000,25\n2,25;3\n-3;1.234.567\n"

FILES = {
    "commas": PLAIN.encode(),
    "mark": PLAIN.encode("utf-8-sig"),
    "Windows": PLAIN.encode("cp1252"),
    "UTF-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "bars": PLAIN.replace(",", " | ").encode(),
    "decimal commas": EUROPEAN.encode("cp1252"),
    "tabs, decimal commas": EUROPEAN.replace(";", "\t").encode(),
    "points between thousands": POINTS.encode(),
    "blanks": PLAIN.replace(",", ", ").encode(),
    "Windows's line ends": PLAIN.replace("\n", "\r\n").encode(),
    "separators behind": (EUROPEAN.replace("\n", ";\n") + ";;\n;;\n").encode(),
    "empty lines": (PLAIN.replace("\n", "\n\n") + "\n\n").encode(),
    "percents": PLAIN.replace("1.5,", "1.5%,")
    .replace("2.25", "2.25 %")
    .replace("-3", "-3%")
    .encode(),
    "row numbers": "\n".join(
        map(",".join, zip(["", "0", "1", "2"], PLAIN.splitlines(), strict=True))
    ).encode(),
}


def write(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_same_table_is_read_from(content, tmp_path):
    expected = pd.DataFrame(ROWS, columns=NAMES)
    found = read_table(write(tmp_path, content))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_a_comma_in_a_name_is_no_separator(tmp_path):
    path = write(tmp_path, "income, k$;age\n1,5;20\n2,5;30\n")
    assert read_table(path).to_dict("list") == {
        "income, k$": [1.5, 2.5],
        "age": [20, 30],
    }


def test_points_are_decimals_where_nothing_has_a_decimal_comma(tmp_path):
    """Also where three digits follow, which could be thousands elsewhere."""
    path = write(tmp_path, "a;b\n1.234;x\n2.345;y\n")
    assert read_table(path, ["a"])["a"].tolist() == [1.234, 2.345]


def test_empty_cells_are_missing_and_rows_keep_their_names(tmp_path):
    path = write(tmp_path, "who;a;b\nann;1,5;\nbob;;2\ncy;3,5;NA\n")
    found = read_table(path, rows="who")
    assert found.index.tolist() == ["ann", "bob", "cy"]
    np.testing.assert_array_equal(found["a"], [1.5, np.nan, 3.5])
    np.testing.assert_array_equal(found["b"], [np.nan, 2.0, np.nan])


IDS = "customer id,age\n93,30.5\n17,40.5\n55,50.5\n"
REFUSED = {
    "text": (
        "ID,a b,$c,where\n9,1,2,Rome\n5,2,3,Oslo\n7,2,9,Rome\n",
        "column 'where' ('Rome'). Choose others, `--columns 'a b,$c'`, or see",
    ),
    "a mark for missing": ("a,b\n1,2\n?,3\n2,5\n", "column 'a' ('?')"),
    "dates": ("a,day\n1,2020-01-31\n2,2020-02-01\n", "column 'day' ('2020-01-31')"),
    "money": ('a,b\n1,"$1,200.50"\n2,$3\n', "column 'b' ('$1,200.50')"),
    "some percents": ("a,b\n1,0.5\n2,30%\n", "column 'b' ('30%')"),
    "ids": (
        IDS,
        "numbers of rows in column 'customer id'. Name the rows by it, "
        "`--rows 'customer id'`, or choose: `--columns age`",
    ),
    "counts of rows": ("i,a\n1,5\n2,5\n3,7\n", "numbers of rows in column 'i'"),
    "a comma in a name": (
        '"a, b",c\n1,x\n2,y\n',
        """Choose others, `--columns '"a, b"'`""",
    ),
    "no names": ("1,5;2\n2;3\n", "have the names of the columns in its first line"),
    "lines before": ("All of 2024\n\na,b\n1,2\n", "have a name in its first line"),
    "a column too many": ("a,b\n1,2,3\n", "have a name in its first line"),
    "a line too long": ("a,b\n1,2\n3,4\n1,2,3,4\n", "be a readable .csv file"),
    "nothing": ("", "hold a table"),
    "no rows": ("a,b\n", "hold rows of numbers"),
    "no name": ("a,,b\n1,2,3\n2,4,4\n4,5,6\n", "none for column 1"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_is_refused(content, message, tmp_path):
    with pytest.raises(InputError) as caught:
        read_table(write(tmp_path, content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("t.csv", None, None, "be a file that exists"),
        ("t.csv", "a,b\n1,2\n", ["aa"], "Did you mean 'a'"),
        ("t.csv", "a\n1,5\n2,5\n", None, "decimals by points"),
        ("t.parquet", "nonsense", None, "be a readable .parquet file"),
        ("t.xlsx", "nonsense", None, "Save the table as CSV or Parquet"),
    ],
)
def test_files_are_refused(tmp_path, name, content, columns, message):
    if content is not None:
        write(tmp_path, content, name)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / name, columns)


def test_columns_are_chosen_in_the_order_asked_for(tmp_path):
    path = write(tmp_path, "a,b,name\n1,2,x\n3,4,y\n")
    assert list(read_table(path, ["b", "a"])) == ["b", "a"]


def test_csv_and_parquet_hold_the_same(tmp_path):
    X = datasets.load("iris")
    X.to_csv(tmp_path / "iris.csv", index=False)
    X.to_parquet(tmp_path / "iris.parquet")
    for name in ("iris.csv", "iris.parquet"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), X)


def test_numbers_of_rows_can_be_chosen_or_name_the_rows(tmp_path):
    path = write(tmp_path, IDS)
    assert list(read_table(path, ["customer id"])) == ["customer id"]
    named = read_table(path, rows="customer id")
    assert (named.index.tolist(), list(named)) == ([93, 17, 55], ["age"])


def test_whole_numbers_are_measurements_where_they_repeat(tmp_path):
    path = write(tmp_path, "id,visits\n3,10\n3,4\n7,8\n")
    assert list(read_table(path)) == ["id", "visits"]


def test_parquet_keeps_index_and_missing_values(tmp_path):
    frame = pd.DataFrame({"a": [1, None, 3], "b": [0.5, 1.5, 2.0]}, index=list("xyz"))
    frame.astype({"a": "Int64"}).to_parquet(tmp_path / "data.parquet")
    found = read_table(tmp_path / "data.parquet")
    assert found.index.tolist() == ["x", "y", "z"]
    assert found["a"].isna().tolist() == [False, True, False]
    frame.assign(day=pd.Timestamp("2024-05-01")).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(InputError, match="'day' \\('2024-05-01"):
        read_table(tmp_path / "data.parquet")


def test_names_of_columns_are_split_as_they_are_written():
    assert split('"a, b", c ,log "d"') == ["a, b", "c", 'log "d"']
    assert split(None) is None
