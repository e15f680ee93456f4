"""Machine code of edited kernels is not run again."""

import importlib

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


def test_sources_are_those_of_the_folder():
    from bayesgmm.marginal import ops

    module = importlib.reload(bayesgmm.kernels)
    assert len(module.SOURCES) == 64
    assert int(module.SOURCES[:12], 16) == ops.KERNEL_VERSION
