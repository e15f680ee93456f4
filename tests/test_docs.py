"""The documentation leaves nothing out: public names, papers, warnings, verdicts."""

import ast
import re
from pathlib import Path

import pytest

import bayesgmm as bg
from bayesgmm.em import Status
from bayesgmm.verdict import Verdict

DOCS = Path(__file__).parents[1] / "docs"
SOURCES = Path(bg.__file__).parent
PAGES = sorted(page.stem for page in DOCS.glob("*.md"))

# An item of numpydoc's section "References": [n] first author ... (year).
CITATION = re.compile(r"\.\. \[\d+\] (.+?) \((\d{4})\)", re.DOTALL)


def read(page):
    return (DOCS / f"{page}.md").read_text("utf-8")


def listed():
    """Return the names in the lists of the API page."""
    lists = re.findall(r"autosummary::(.*?)```", read("api"), re.DOTALL)
    return re.findall(r"^   (\w[\w.]*)$", "\n".join(lists), re.MULTILINE)


def test_every_public_name_is_on_the_api_page_once():
    names = listed()
    assert sorted(set(names)) == sorted(names)
    assert {name.split(".")[0] for name in names} == set(bg.__all__) - {"__version__"}


@pytest.mark.parametrize("module", bg._MODULES)
def test_all_of_a_public_module_is_there(module):
    """Of `priors` and its like: what they define or say that they have."""
    names = {name.removeprefix(f"{module}.") for name in listed()}
    public = vars(getattr(bg, module))
    own = [n for n, v in public.items() if getattr(v, "__module__", "").startswith("b")]
    wanted = public.get("__all__", [n for n in own if not n.startswith("_")])
    helpers = {"called", "check_choice", "did_you_mean"}
    assert set(wanted) - names <= helpers


def first_of(authors):
    """Return the surname of the first author."""
    return re.split(r",| and | et al| \(", authors)[0].split()[-1]


def papers():
    """Return the papers of all docstrings: first author's surname and year."""
    text = "\n".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    found = CITATION.findall(text)
    return {(first_of(authors), year) for authors, year in found}


def test_every_paper_is_among_the_references():
    entries = read("references").split("\n- ")[1:]
    years = [re.search(r"\((\d{4})\)", entry)[1] for entry in entries]
    there = set(zip(map(first_of, entries), years, strict=True))
    assert papers() - there == set()
    assert len(papers()) > 50


def warning_classes():
    tree = ast.parse((SOURCES / "errors.py").read_text("utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in names if name.endswith("Warning")]


@pytest.mark.parametrize(
    "name", [*warning_classes(), *Verdict.__members__, *Status.__members__]
)
def test_what_can_go_wrong_has_a_remedy(name):
    if name != "CONVERGED":
        assert f"`{name}`" in read("troubleshooting")


def test_every_page_is_in_the_contents():
    trees = re.findall(r"```{toctree}(.*?)```", read("index"), re.DOTALL)
    contents = re.findall(r"^([\w/]+)$", "\n".join(trees), re.MULTILINE)
    notebooks = [f"notebooks/{path.stem}" for path in DOCS.glob("notebooks/*.ipynb")]
    assert sorted(contents) == sorted({*PAGES, *notebooks} - {"index"})
