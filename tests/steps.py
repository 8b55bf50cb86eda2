"""What several tests look at: the steps of a training, and what stands between the marks of a page."""

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


def table_of(page, name):
    """What stands between the marks of a generated table."""
    return page.partition(f"<!-- table:{name} -->\n")[2].partition(f"<!-- /table:{name} -->")[0]
