"""Tests run offline, with small steps, and write only to temporary folders."""

import os
import sys
import tempfile
from pathlib import Path

OFFLINE = Path(__file__).parent / "offline"
os.environ["PYTHONPATH"] = str(OFFLINE) + os.pathsep + os.environ.get("PYTHONPATH", "")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OPTICAL_LITE_PROFILE"] = "smoke"
# Encoders that a person has fetched are found in their own folder; nothing else of a cache is.
CACHE = os.environ.get("OPTICAL_LITE_CACHE", "~/.cache/optical_lite")
os.environ.setdefault("OPTICAL_LITE_MODELS", str(Path(CACHE, "models").expanduser()))
os.environ["OPTICAL_LITE_PRECISION"] = "float32"  # of what says nothing else, commands that ask the device included
os.environ["OPTICAL_LITE_CACHE"] = tempfile.mkdtemp(prefix="optical_lite_")
sys.path.insert(0, str(OFFLINE))

import sitecustomize as guard  # noqa: E402

if Path(guard.__file__).parent != OFFLINE:  # another sitecustomize came first: load ours by hand
    exec(compile((OFFLINE / "sitecustomize.py").read_text(), "sitecustomize", "exec"))  # noqa: S102

sys.path.insert(0, str(Path(__file__).parent))  # the folder `answers`

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from optical_lite import settings  # noqa: E402

# the same inputs on every machine, however slow it is
hypothesis.settings.register_profile("kit", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("kit")


@pytest.fixture(scope="session")
def teacher():
    from optical_lite.encoder import teacher

    return teacher()


@pytest.fixture(scope="session")
def student(teacher):
    from optical_lite import pocket, vocabulary

    return vocabulary.extend(teacher, pocket.bitext("sw"))


@pytest.fixture
def mirror():
    if settings.get().mirror is None or not settings.get().mirror.is_dir():
        pytest.skip("real data: set OPTICAL_LITE_MIRROR to a folder with the published data sets")
    return settings.get().mirror


@pytest.fixture(scope="session")
def multilingual():
    from optical_lite import model_files
    from optical_lite.encoder import teacher

    if model_files.here("multilingual") is None:
        pytest.skip("multilingual encoder: not here; python -m optical_lite fetch multilingual")
    return teacher("multilingual")
