"""Steps of a training, seen from outside: what they log, and a training that is stopped after one of them."""

from contextlib import contextmanager

import pytest

from optical_lite.training.loop import Session


@contextmanager
def each_step(call=None):
    """Call something with the line of each step, when it is written and the state is saved."""
    add = Session.add

    def added(self, line, file):
        add(self, line, file)
        if call:
            call(line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "add", added)
        yield
