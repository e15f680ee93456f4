"""Announcements go to standard error, and only if they are wanted."""

from bayesgmm.progress import announce


def test_announces_on_standard_error_if_shown(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with announce("Compiling", show=True):
        pass
    captured = capsys.readouterr()
    assert "Compiling ..." in captured.err
    assert captured.out == ""
    with announce("Compiling", show=False):
        pass
    assert capsys.readouterr() == ("", "")
