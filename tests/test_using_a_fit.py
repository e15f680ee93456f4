"""The page on using a fit can be run, and prints what it shows."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "using_a_fit.md"
FENCE = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


def same(text):
    """Forget spaces at ends of lines, and digits that are rounding."""
    lines = re.sub(r"\d\.\de-\d+", "#", text).strip().splitlines()
    return [line.rstrip() for line in lines]


def test_the_page_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    variables, printed, n_shown = {}, "", 0
    for kind, block in FENCE.findall(PAGE.read_text("utf-8")):
        if kind == "python":
            assert printed == "", "what a block prints stands under it"
            exec(compile(block, PAGE.name, "exec"), variables)
            printed = capsys.readouterr().out
        else:
            assert same(block) == same(printed)
            printed, n_shown = "", n_shown + 1
    assert n_shown == 6
