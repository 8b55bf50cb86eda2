import socket
import subprocess
import sys
import time

import pytest

from optical_lite import settings


def test_sockets_are_blocked_here_and_in_children():
    with pytest.raises(OSError, match="without network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "without network" in child.stderr


@pytest.mark.parametrize(
    ("name", "value", "text"), [("OPTICAL_LITE_PROFILE", "big", "smoke, pocket"), ("OPTICAL_LITE_SEED", "x", "integer")]
)
def test_wrong_environment_is_named(monkeypatch, name, value, text):
    monkeypatch.setenv(name, value)
    settings.get.cache_clear()
    with pytest.raises(settings.InputError, match=text):
        settings.get()
    monkeypatch.undo()
    settings.get.cache_clear()


def test_unusable_device_is_named(monkeypatch):
    monkeypatch.setenv("OPTICAL_LITE_DEVICE", "tpu")
    settings.get.cache_clear()
    settings.device.cache_clear()
    with pytest.raises(settings.InputError, match="tpu"):
        settings.device()
    monkeypatch.undo()
    settings.get.cache_clear()
    settings.device.cache_clear()


def test_write_atomic_keeps_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    path = settings.write_atomic(tmp_path / "deep" / "x.txt", "old")
    monkeypatch.setattr(settings.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        settings.write_atomic(path, "new")
    assert path.read_text() == "old"


def test_import_is_light():
    code = "import sys, optical_lite; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    start = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
    assert time.perf_counter() - start < 30


def test_unknown_name_says_what_exists():
    import optical_lite

    with pytest.raises(AttributeError, match="transport"):
        optical_lite.transprot  # noqa: B018


def test_banner_names_profile_and_versions(capsys):
    settings.banner()
    out = capsys.readouterr().out
    assert "profile smoke" in out
    assert "torch" in out
