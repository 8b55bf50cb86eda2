import os
import socket
import subprocess
import sys
import time

import pytest

from optical_lite import json_files, provenance, settings


def test_sockets_are_blocked_here_and_in_children():
    with pytest.raises(OSError, match="without network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "without network" in child.stderr


@pytest.fixture
def variables(monkeypatch):
    """Settings under some environment variables."""

    def read(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.get.cache_clear()
        return settings.get()

    yield read
    monkeypatch.undo()
    settings.get.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("OPTICAL_LITE_PROFILE", "big", "smoke, pocket"),
        ("OPTICAL_LITE_PRECISION", "half", "float32"),
        ("OPTICAL_LITE_COMPILE", "yes", "auto, on, off"),
        *(("OPTICAL_LITE_SEED", value, "from 0 to 4294967295") for value in ("x", "--5", "²", "-1", "1" * 31, "1.0")),
        *(("OPTICAL_LITE_THREADS", value, "from 1 to 1024") for value in ("0", "-2", "1000000000", "two", "٣")),
        *((f"OPTICAL_LITE_{name}", "~nobody_here/x", "expected a folder") for name in ("CACHE", "MODELS", "MIRROR")),
    ],
)
def test_wrong_environment_is_named(variables, name, value, text):
    with pytest.raises(settings.InputError, match=f"{name}: got .*{text}") as error:
        variables(**{name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["a file", "nothing", "n" * 5000])
def test_a_mirror_that_is_no_folder_is_named_at_once(variables, tmp_path, kind):
    (tmp_path / "a file").write_text("")
    with pytest.raises(settings.InputError, match=r"_MIRROR: got .*, expected a folder that is there; mend"):
        variables(OPTICAL_LITE_MIRROR=str(tmp_path / kind))


def test_an_empty_variable_is_unset(variables, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OPTICAL_LITE_")]:
        monkeypatch.delenv(name)
    plain = variables()
    names = ["PROFILE", "SEED", "THREADS", "DEVICE", "PRECISION", "COMPILE", "CACHE", "MODELS", "MIRROR"]
    assert variables(**{f"OPTICAL_LITE_{name}": "" for name in names}) == plain


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("3,2", 3), ("0", None), ("", None), ("many", None)])
def test_the_variable_of_openmp_is_read_as_openmp_does(variables, monkeypatch, said, threads):
    monkeypatch.delenv("OPTICAL_LITE_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert variables(OMP_NUM_THREADS=said).threads == (threads or variables(OMP_NUM_THREADS="").threads)


def test_no_home_folder(variables, monkeypatch):
    monkeypatch.delenv("OPTICAL_LITE_CACHE", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where there is neither HOME nor an account
    with pytest.raises(settings.InputError, match=r"OPTICAL_LITE_CACHE: got .*, expected a folder"):
        variables()
    assert variables(OPTICAL_LITE_CACHE="/here").cache.name == "here"


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_that_a_generator_cannot_take(seed):
    with pytest.raises(settings.InputError, match=f"got {seed}"):
        settings.seed_everything(seed)


def test_unusable_device_is_named(monkeypatch):
    monkeypatch.setenv("OPTICAL_LITE_DEVICE", "tpu")
    settings.get.cache_clear()
    settings.device.cache_clear()
    with pytest.raises(settings.InputError, match="tpu"):
        settings.device()
    monkeypatch.undo()
    settings.get.cache_clear()
    settings.device.cache_clear()


@pytest.mark.parametrize("name", ["OPTICAL_LITE_CACHE", "OPTICAL_LITE_MIRROR"])
def test_a_folder_below_no_home_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "~nobody-of-this-name/data")
    settings.get.cache_clear()
    with pytest.raises(settings.InputError, match=f"{name}: got '~nobody-of-this-name/data'.*expected a folder; set"):
        settings.get()
    monkeypatch.undo()
    settings.get.cache_clear()


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
    provenance.banner()
    out = capsys.readouterr().out
    assert "profile smoke" in out
    assert "torch" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "got no JSON"),
        (b"\xff", "got no JSON"),
        (b"", "got no JSON"),
        (b"[" * 99_999, "got no JSON"),
        (b'{"n": ' + b"7" * 9_999 + b"}", "got no JSON"),
        (b"[]", "got '[]' as the record, expected a record"),
        (b"null", "got 'None' as the record, expected a record"),
        (b"{}", "got no n in the record, expected int or float"),
        (b'{"n": true}', "got 'True' as n, expected int or float"),
        (b'{"n": NaN}', "got no JSON (NaN is no finite number)"),
        (b'{"n": 1}', "got no of in the record, expected a record"),
        (b'{"n": 1, "of": {"lang": 3}}', "got '3' as lang, expected str"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path, content, said):
    place = tmp_path / "record.json"
    place.write_bytes(content)
    with pytest.raises(settings.InputError) as error:
        json_files.read_json(place, {"n": (int, float), "of": {"lang": str}})
    assert said in str(error.value)
    assert str(place) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_record_is_read_and_what_is_no_file_is_named(tmp_path, monkeypatch):
    value = {"n": 1.5, "of": {"lang": "sw", "more": [None]}}
    place = json_files.write_json(tmp_path / "record.json", value)
    assert json_files.read_json(place, {"n": float, "of": {"lang": str}}) == value
    place.write_bytes(b"\xef\xbb\xbf" + place.read_bytes())
    assert json_files.read_json(place) == value
    with pytest.raises(settings.InputError, match="something that is no file"):
        json_files.read_json(tmp_path)
    with pytest.raises(settings.InputError, match="no such file"):
        json_files.read_json(tmp_path / "none")
    monkeypatch.setattr(json_files, "RECORD", 9)
    with pytest.raises(settings.InputError, match="expected a record below 9"):
        json_files.read_json(place)
