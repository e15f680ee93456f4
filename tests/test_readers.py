"""Tables of people, read from files."""

import re

import pandas as pd
import pytest

from bayesgmm import datasets
from bayesgmm.errors import InputError
from bayesgmm.readers import read_table


class TestTables:
    def test_csv_and_parquet_hold_the_same(self, tmp_path):
        X = datasets.load("iris")
        X.to_csv(tmp_path / "iris.csv", index=False)
        X.to_parquet(tmp_path / "iris.parquet")
        pd.testing.assert_frame_equal(read_table(tmp_path / "iris.csv"), X)
        pd.testing.assert_frame_equal(read_table(tmp_path / "iris.parquet"), X)

    def test_columns_are_chosen_in_the_order_asked_for(self, tmp_path):
        (tmp_path / "t.csv").write_text("a,b,name\n1,2,x\n3,4,y\n")
        chosen = read_table(tmp_path / "t.csv", ["b", "a"])
        assert chosen.columns.tolist() == ["b", "a"]

    @pytest.mark.parametrize(
        ("name", "content", "columns", "message"),
        [
            ("t.csv", None, None, "be a file that exists"),
            ("t.csv", "", None, "an empty file"),
            ("t.csv", "a,b\n", None, "no rows in"),
            ("t.csv", "a,n\n1,x\n", None, "text in column 'n'. Choose others with"),
            ("t.csv", "a;b\n1;2\n", None, "not separated by commas"),
            ("t.csv", "a,b\n1,2\n", ["aa"], "Did you mean 'a'"),
            ("t.csv", "a,b\n1,2,3\n4,5\n6,7,8,9\n", None, "be a readable .csv file"),
            ("t.csv", "a;b\n1,5;2,5\n3,5;4,5\n", None, "more numbers in a line"),
            ("t.csv", "a\n1,5\n2,5\n", None, "decimals by points"),
            ("t.csv", ",a\n0,5\n1,6\n", None, "Save the table without its row numbers"),
            ("t.csv", "1.5,1.5,,0\n3,4,5,6\n", None, "got numbers (1.5, 1.5, 0)"),
            ("t.csv", "1,2\n3,4\n5,6\n", None, "Add a first line with names"),
            ("t.parquet", "nonsense", None, "be a readable .parquet file"),
            ("t.xlsx", "nonsense", None, "Save the table as CSV or Parquet"),
        ],
    )
    def test_what_cannot_be_used_is_refused(
        self, tmp_path, name, content, columns, message
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=re.escape(message)):
            read_table(tmp_path / name, columns)
