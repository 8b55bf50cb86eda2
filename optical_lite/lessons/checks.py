"""Check: the exercises' checks under one name, ``ol.check.ex01_2`` for exercise 2 of lesson 01.

Each takes a reader's answer, says what is wrong with it, and passes only right answers.
"""

import re

from . import checks_retrieval, checks_transport, checks_words

EXERCISES = {
    name: check
    for module in (checks_transport, checks_retrieval, checks_words)
    for name, check in vars(module).items()
    if re.fullmatch(r"ex\d\d_\d", name)
}
globals().update(EXERCISES)
