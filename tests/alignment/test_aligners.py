"""Statistical aligners: a toy language of which every link is known."""

import random

import pytest

from optical_lite.alignment import statistical
from optical_lite.alignment.statistical import ALIGNERS
from optical_lite.settings import InputError


@pytest.mark.parametrize("name", ALIGNERS)
def test_a_word_for_word_language_is_aligned(name):
    if not statistical.available(name):
        pytest.skip(f"{name}: pip install 'optical-lite[align]'")
    draw = random.Random(0)
    text = []
    for _ in range(200):
        source = [f"f{draw.randrange(30)}" for _ in range(6)]
        text.append((source, [word.replace("f", "e") for word in source]))
    found = ALIGNERS[name](text[:20], text[20:])
    right = sum((k, k) in each for each in found for k in range(6))
    assert len(found) == 20
    assert right >= 110


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(statistical, "available", lambda name: False)
    with pytest.raises(InputError, match="got no package eflomal"):
        statistical.eflomal([(["a"], ["b"])])
