"""Machine code of edited kernels is not run again."""

import runpy
import shutil
from pathlib import Path

import bayesgmm.kernels


def test_code_of_other_sources_is_forgotten(tmp_path, monkeypatch):
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    old = [cache / "rows.old.py312.nbi", cache / "rows.old.py312.1.nbc"]
    for path in old:
        path.write_text("machine code")
    monkeypatch.setattr(bayesgmm.kernels, "_CACHE", cache)
    monkeypatch.setattr(bayesgmm.kernels, "_MARK", cache / "sources.sha256")
    bayesgmm.kernels._forget_machine_code_of_other_sources()
    assert not any(path.exists() for path in old)
    old[0].write_text("code of these sources")
    bayesgmm.kernels._forget_machine_code_of_other_sources()
    assert old[0].exists()


def test_an_edit_of_any_kernel_makes_other_sources(tmp_path):
    folder = tmp_path / "kernels"
    shutil.copytree(Path(bayesgmm.kernels.__file__).parent, folder)
    seen = {sources_of(folder)}
    edited = sorted(folder.glob("*.py"))
    for path in edited:
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
        seen.add(sources_of(folder))
    assert len(seen) == len(edited) + 1


def sources_of(folder):
    return runpy.run_path(str(folder / "__init__.py"))["SOURCES"]


def test_graphs_know_the_sources():
    from bayesgmm.marginal import ops

    assert int(bayesgmm.kernels.SOURCES[:12], 16) == ops.KERNEL_VERSION
