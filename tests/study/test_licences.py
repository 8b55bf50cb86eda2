"""Everything that is installed, fetched or brought stands on the page of licences, with its terms."""

import importlib.metadata

import pytest
from packaging.version import Version

from optical_lite.datasets.sources import registry
from optical_lite.settings import InputError
from optical_lite.study import licences


@pytest.mark.locked
def test_the_page_is_what_is_locked_and_installed():
    if any(Version(importlib.metadata.version(name)).public != pin for name, pin, _ in licences.packages()):
        pytest.skip("other versions are installed than those of the lock file, and may state other terms")
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page()


@pytest.mark.locked
def test_every_locked_package_model_and_data_set_is_listed():
    text = licences.PAGE.read_text(encoding="utf-8")
    for name, version, terms in licences.packages():
        assert f"| {name} | {version} | {terms} |" in text
    for source in registry().values():
        assert f"| {source.dataset} | {source.repo} at {source.commit[:12]} |" in text
    for name, origin, terms in licences.models():
        assert f"| {name} | {origin} | {terms} |" in text
        assert len(terms) < 20


def test_a_package_without_terms_is_named(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: importlib.metadata.PackageMetadata)
    monkeypatch.setattr(importlib.metadata.PackageMetadata, "get", lambda *_: None, raising=False)
    monkeypatch.setattr(importlib.metadata.PackageMetadata, "get_all", lambda *_: [], raising=False)
    with pytest.raises(InputError, match="toy: got no licence in its metadata"):
        licences.licence("toy")
