"""The examples of the documentation's pages do what they say."""

import doctest
from pathlib import Path

import matplotlib as mpl
import pytest

PAGES = [
    page
    for page in sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
    if "\n>>> " in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_examples(page):
    mpl.use("Agg")
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0
