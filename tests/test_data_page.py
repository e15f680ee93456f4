"""The examples of a page of the documentation do what it says."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "data_as_they_come.md"


def test_examples():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0
