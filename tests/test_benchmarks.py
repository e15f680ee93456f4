"""The command that compares with peers: rows, machine facts, and a page of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments, **environment):
    """Run the command as a user would, from the folder of the repository."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    ).stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the folder of a quick run of one comparison."""
    folder = tmp_path_factory.mktemp("benchmarks")
    run("--quick", "--only", "iteration", "--folder", folder, "--to", folder / "p.md")
    return folder


def test_a_comparison_leaves_its_rows_and_what_they_depend_on(written):
    told = json.loads((written / "iteration.json").read_text())
    row = told["rows"][0]
    assert row["peer"] == "scikit-learn"
    assert row["ratio"] == row["theirs"] / row["ours"] > 0
    assert {"processor", "cores", "memory", "Python", "numpy"} <= set(told["machine"])
    assert told["peers"] == {"scikit-learn": told["machine"]["scikit-learn"]}


def test_the_page_has_the_rows_with_their_date_and_machine(written):
    told = json.loads((written / "iteration.json").read_text())
    page = (written / "p.md").read_text("utf-8")
    table = page.split("## One EM iteration against scikit-learn")[1].split("\n## ")[0]
    assert "| 2,000 x 2, 3 components | scikit-learn |" in table
    assert f"{told['date']}, " in table
    assert f"cores {told['machine']['cores']}" in table
    assert os.uname().nodename not in page
    assert str(ROOT) not in page


def test_a_peer_that_was_not_run_has_no_figures(written):
    section = spark_on((written / "p.md").read_text("utf-8"))
    assert "Spark MLlib: not run." in section
    assert "|" not in section


def spark_on(page):
    """Return what a page says of one comparison."""
    section = page.split("## An iteration on many rows against Spark")[1]
    return section.split("\n## ")[0]


def test_the_page_is_made_anew_of_results_that_are_kept(written):
    page = (written / "p.md").read_text("utf-8")
    run("--page", "--folder", written, "--to", written / "again.md")
    assert (written / "again.md").read_text("utf-8") == page


def test_a_missing_peer_is_told_and_leaves_older_figures_with_their_date(tmp_path):
    """R is looked for along the path."""
    to, kept = tmp_path / "p.md", tmp_path / "mclust.json"
    only = ("--quick", "--only", "mclust", "--folder", tmp_path, "--to", to)
    assert "mclust is not installed, not run" in run(*only, PATH=str(tmp_path))
    assert "mclust: not installed, not run (" in to.read_text("utf-8")

    row = {"what": "cells", "peer": "mclust", "ours": 2.0, "theirs": 3.0, "unit": "s"}
    older = json.loads(kept.read_text()) | {"date": "2001-02-03"}
    older["rows"] = [row | {"ratio": 1.5, "goal": None, "facts": {}}]
    kept.write_text(json.dumps(older))
    run(*only, PATH=str(tmp_path))
    page = to.read_text("utf-8")
    assert "| cells | mclust | 2 s | 3 s | 1.5 |" in page
    assert "`mclust`: 2001-02-03, " in page
