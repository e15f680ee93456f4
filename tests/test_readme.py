"""What the README shows can be run as it stands."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_two_commands_come_first():
    lines = README.read_text("utf-8").splitlines()
    install = "    python3 -m pip install uv && python3 -m uv run"
    assert lines[2:4] == [f"{install} bayesgmm demo", f"{install} pytest"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a block in an empty folder; return its variables, its text, its files."""

    def run(block):
        mpl.use("Agg")
        monkeypatch.chdir(tmp_path)
        variables = {}
        exec(compile(block, "README.md", "exec"), variables)
        files = {path.name for path in tmp_path.iterdir()}
        return variables, capsys.readouterr().out, files

    return run


@pytest.mark.slow
def test_ten_lines_print_what_is_shown(run):
    """All but digits: those of the posterior differ by machine."""
    variables, printed, files = run(BLOCKS[0])
    assert files == {"report.html", "results"}
    shown = re.search(r"```text\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]
    assert re.sub(r"\d", "0", printed).startswith(re.sub(r"\d", "0", shown).rstrip())
    best = variables["analysis"].membership["probability"].max("component")
    assert best.values.argmin() == 243


@pytest.mark.slow
def test_step_by_step_leaves_a_picture(run):
    _, printed, files = run(BLOCKS[1])
    assert "The chains agree" in printed
    assert files == {"ellipses.png"}


@pytest.mark.slow
def test_the_number_of_groups_is_drawn(run):
    variables, printed, files = run(BLOCKS[2])
    assert "The chains agree" in printed
    assert files == {"density.png"}
    assert variables["five"]["posterior"].sizes["component"] == 5
    size = variables["posterior"]["size"]
    assert float(size["probability"].sum()) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.slow
def test_em_alone_prints_the_best_few(run):
    variables, printed, files = run(BLOCKS[3])
    assert printed.startswith("56 mixtures of 272 observations by BIC")
    assert variables["selection"].choose("bic") == (3, "EEE")  # mclust's choice too
    assert variables["bootstrap"]["posterior"].sizes["draw"] == 100
    assert files == set()
