"""Tests run offline, with small steps, and write only to temporary folders."""

import os
import signal
import sys
import tempfile
from pathlib import Path

# a shell that runs the tests in the background has them, and what they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)
OFFLINE = Path(__file__).parent / "offline"
os.environ["PYTHONPATH"] = str(OFFLINE) + os.pathsep + os.environ.get("PYTHONPATH", "")
os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # beside others: a thread each
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPTICAL_LITE_PROFILE"] = "smoke"
# Encoders that a person has fetched are found in their own folder; nothing else of a cache is.
CACHE = os.environ.get("OPTICAL_LITE_CACHE", "~/.cache/optical_lite")
os.environ.setdefault("OPTICAL_LITE_MODELS", str(Path(CACHE, "models").expanduser()))
os.environ["OPTICAL_LITE_PRECISION"] = "float32"  # of what says nothing else, commands that ask the device included
STORE = tempfile.TemporaryDirectory(prefix="optical_lite_")
os.environ["OPTICAL_LITE_CACHE"] = STORE.name
sys.path.insert(0, str(OFFLINE))

import sitecustomize as guard  # noqa: E402

if Path(guard.__file__).parent != OFFLINE:  # another sitecustomize came first: load ours by hand
    exec(compile((OFFLINE / "sitecustomize.py").read_text(), "sitecustomize", "exec"))  # noqa: S102

sys.path.insert(0, str(Path(__file__).parent))  # the folder `trust`

import hypothesis  # noqa: E402
import pytest  # noqa: E402

from optical_lite import settings  # noqa: E402

pytest_plugins = ["pytester"]

# the same inputs on every machine, however slow it is
hypothesis.settings.register_profile("kit", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("kit")


chosen, COMPUTING = settings.uses_bf16, []  # the test that runs, where it says how it computes


def uses_bf16():
    """A test that computes without saying in which number types would be seen on some machines only."""
    if not COMPUTING:
        pytest.fail("got a test that encodes, trains or scores, expected it to use the fixture number_type; or, where "
                    "it needs the real encoder, the mark float32")  # fmt: skip
    return chosen()


settings.uses_bf16 = uses_bf16  # before any other module takes it


def pytest_unconfigure():
    """What the tests of this process stored goes with it; a process that is killed leaves its folder behind."""
    STORE.cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """With workers: the notebooks come first, each by itself; the other tests of a file share what they set up."""
    slow = [item for item in items if item.get_closest_marker("notebook")]
    items[:] = [*slow, *(item for item in items if item not in slow)]
    if config.pluginmanager.hasplugin("xdist"):
        for item in items[len(slow) :]:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    said = "number_type" in item.fixturenames or any(map(item.get_closest_marker, ("float32", "own_number_type")))
    COMPUTING[:] = [item.nodeid] if said or isinstance(item, pytest.DoctestItem) else []
    return (yield)


@pytest.fixture(scope="module", params=["float32", "bf16"])
def number_type(request):
    """Both number types, one after the other, on any machine: commands and child processes take it, too.

    A processor without bfloat16 instructions emulates them, up to 70 times slower, so these tests use ``tiny``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTICAL_LITE_PRECISION", request.param)
        settings.get.cache_clear()
        yield request.param
    settings.get.cache_clear()


@pytest.fixture(scope="session")
def tiny():
    """A random encoder with MiniLM's tokenizer and six layers, of 64 dimensions: a step takes milliseconds."""
    from transformers import BertConfig, BertModel

    from optical_lite.encoder import Encoder, teacher

    real = teacher()
    sizes = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128, "initializer_range": 0.1}
    settings.seed_everything(0)
    model = BertModel(BertConfig(**{**real.model.config.to_dict(), **sizes}), add_pooling_layer=False)
    return Encoder(model, real.tokenizer, "tiny", real.max_length).to(settings.device()).requires_grad_(False)


@pytest.fixture(scope="session")
def teacher():
    from optical_lite.encoder import teacher

    return teacher()


@pytest.fixture(scope="session")
def student(teacher):
    from optical_lite import vocabulary
    from optical_lite.datasets import pocket

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
