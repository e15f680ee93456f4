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


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=["ten lines", "step by step"])
def test_python_runs(block, tmp_path, monkeypatch, capsys):
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "The chains agree" in printed
    assert len(list(tmp_path.iterdir())) in {1, 2}
