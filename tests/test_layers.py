"""The house keeps its order: who may import whom, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bayesgmm

PACKAGE = Path(bayesgmm.__file__).parent
LIMIT = 400

# A room is a module or a package at the top level; a row, the rooms on one floor.
# Rooms that stand in one string are one method, split over files.
ROWS = {
    "A foundations": [
        "arguments",
        "_typing",
        "atomic",
        "chains sampled",
        "checkpoint",
        "chunks chunk_tree extent sketch",
        "dims",
        "errors",
        "fittable",
        "known_labels",
        "progress",
        "validation",
        "weight_kinds",
    ],
    "B kernels": ["kernels"],
    "C the model": [
        "charts",
        "contains",
        "covariances",
        "noise",
        "families",
        "lazy_passes",
        "parameters",
        "patterns",
        "quadratics",
        "statistics",
    ],
    "D beliefs, starts": [
        "clutter",
        "conjugate",
        "conjugate_default",
        "hierarchical",
        "initialise",
        "priors",
        "target",
    ],
    "E inference": [
        "box_chunks candidates chunked collapse compressed compression constraints em "
        "engines fitting fitting_chunks held imputation incomplete information "
        "labelled maximise moves observations optima overall race restarts search "
        "squarem starts steps "
        "remembered online",
        "calibration cell_search cells stand_ins",
        "cavi variational",
        "completing conjugate_form diary gibbs sweeping telescoping",
        "marginal",
    ],
    "F posterior": [
        "blocks",
        "decision",
        "filled",
        "importance",
        "intervals",
        "kept",
        "label_draws",
        "monte_carlo",
        "naming",
        "posterior",
        "same_rows",
        "spacing",
    ],
    "G labels": ["relabel"],
    "G after sampling": [
        "bootstrap lazy_replicates replicates together",
        "carry_over",
        "criteria tails",
        "invariants separation solutions verdict",
        "impute",
        "loo log_score",
        "membership confident",
        "over_labels",
        "partitions",
        "predictive_check",
        "profile profile_columns profile_result column_information",
        "nearby standard_errors variation",
    ],
    "H telling": [
        "combine",
        "compare",
        "coreset",
        "coreset_error",
        "csv_files",
        "diagnose",
        "diagnosis",
        "files",
        "partition_stability",
        "plots",
        "readers",
        "report",
        "sentences",
        "stacking",
        "story story_checks story_groups",
        "table_checks",
    ],
    "I front": [
        "__init__",
        "analysis",
        "areas",
        "bridge",
        "chosen_fit",
        "cli",
        "correlation",
        "datasets",
        "derived",
        "estimator",
        "evidence",
        "fit_file",
        "fitted",
        "geotiff",
        "grid",
        "grid_chunks",
        "held_out",
        "interchange",
        "jax",
        "lrt",
        "mini_batches",
        "pipeline",
        "prior_sampling",
        "sampling sampling_warnings standing_in",
        "scene_files",
        "scenes",
        "scores",
        "segmentation",
        "segmenter",
        "segments",
        "selection",
        "smoothing",
        "stability",
        "symmetry",
        "tiff",
        "thames",
        "unconstrained",
    ],
}
SIBLINGS_APART = ("E inference", "G after sampling")
# (importer, imported): upward, inside a function, for the sake of a method of a result.
LAZY_UPWARD: set[tuple[str, str]] = {
    ("priors", "carry_over"),
    ("priors", "overall"),
    ("priors", "plots"),
    ("profile_result", "plots"),
}
# Who may import a heavy library: names of rooms, or all from a row on.
F_DOWN = "FGHI"
LIBRARIES = {
    "numba": {"kernels", "marginal"},
    "jax": {"jax", "marginal"},
    "pymc": {"marginal"},
    "pytensor": {"marginal"},
    "nutpie": {"marginal"},
    "matplotlib": {"plots"},
    "typer": {"cli"},
    "jinja2": {"report"},
    "xarray": F_DOWN,
    "arviz": F_DOWN,
    "arviz_base": F_DOWN,
    "arviz_stats": F_DOWN,
    "arviz_plots": F_DOWN,
}

ORDER = list(ROWS)
ROW_OF = {
    room: row for row, groups in ROWS.items() for room in " ".join(groups).split()
}
METHOD_OF = {
    room: group
    for groups in ROWS.values()
    for group in groups
    for room in group.split()
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, at its top or in functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the full name of the module"
            # `from bayesgmm import x`: x is a room, or a public name of the package.
            if node.module == "bayesgmm":
                names |= {f"bayesgmm.{alias.name}" for alias in node.names}
            else:
                names.add(str(node.module))
    return names


def rooms_imported(path: Path) -> set[str]:
    own = {name.split(".")[1] for name in imported(path) if "bayesgmm." in name}
    return own - {"__version__"}


def trespass(importer: str, imports: str) -> str | None:
    """Say what is wrong with an import among rooms, or nothing."""
    if importer == imports or (importer, imports) in LAZY_UPWARD:
        return None
    ours, theirs = ROW_OF[importer], ROW_OF[imports]
    if ORDER.index(theirs) > ORDER.index(ours):
        return f"{importer} ({ours}) imports {imports} from below ({theirs})"
    apart = METHOD_OF[importer] != METHOD_OF[imports]
    if ours == theirs and ours in SIBLINGS_APART and apart:
        return f"{importer} imports its sibling {imports} ({ours})"
    return None


def may_use(room: str, library: str) -> bool:
    allowed = LIBRARIES[library]
    return ROW_OF[room][0] in allowed if isinstance(allowed, str) else room in allowed


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
class TestFile:
    def test_has_a_row(self, path):
        assert room_of(path) in ROW_OF, "give the new module a row in ROWS"

    def test_imports_only_from_rows_above(self, path):
        found = [trespass(room_of(path), room) for room in rooms_imported(path)]
        assert not list(filter(None, found))

    def test_heavy_libraries_stay_in_their_rooms(self, path):
        libraries = {name.split(".")[0] for name in imported(path)} & set(LIBRARIES)
        assert [x for x in libraries if not may_use(room_of(path), x)] == []

    def test_is_short_and_named_for_what_it_does(self, path):
        assert len(path.read_text().splitlines()) <= LIMIT
        assert "util" not in path.stem
        assert "helper" not in path.stem


def test_trespass_is_seen():
    assert trespass("kernels", "em")
    assert trespass("relabel", "membership")
    assert trespass("membership", "diagnose")
    assert trespass("diagnose", "relabel") is None
    assert trespass("optima", "marginal")
    assert trespass("em", "optima") is None
    assert trespass("compare", "relabel") is None
    assert not may_use("em", "xarray")
    assert not may_use("story", "matplotlib")
    assert may_use("membership", "xarray")


HEAVY = ("numba", "pymc", "pytensor", "arviz", "matplotlib", "sklearn", "pandas")


def in_a_new_process(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_is_light():
    code = f"import bayesgmm, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert in_a_new_process(code) == "[]"


def test_a_module_never_hides_the_function_of_its_name():
    """Whether the module is imported before the function is used, or after."""
    assert in_a_new_process(
        """
import bayesgmm as bg
import bayesgmm.relabel, bayesgmm.compare
first = bg.membership, bg.diagnose
import bayesgmm.membership, bayesgmm.diagnose
from bayesgmm import relabel, compare, membership, diagnose
assert (membership, diagnose) == first
assert (relabel, compare) == (bg.relabel, bg.compare)
print([f.__name__ for f in (relabel, compare, membership, diagnose)])
"""
    ) == str(["relabel", "compare", "membership", "diagnose"])


def test_every_public_name_is_there():
    for name in bayesgmm.__all__:
        assert getattr(bayesgmm, name) is not None
    assert set(bayesgmm.__all__) <= set(dir(bayesgmm))


def test_what_type_checkers_see_is_what_there_is():
    """The imports under TYPE_CHECKING name the same homes as the lazy table."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        alias.asname: (str(node.module).removeprefix("bayesgmm."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    modules = {name: ("bayesgmm", name) for name in bayesgmm._MODULES}
    lazy = {name: (home, name) for name, home in bayesgmm._HOME.items()}
    assert seen == lazy | modules


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bayesgmm.nonsense  # noqa: B018
