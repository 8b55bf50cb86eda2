"""Check: the exercises' checks under one name, ``ol.check.ex01_2`` for exercise 2 of notebook 01.

Each takes a reader's answer, says what is wrong with it, and passes only right answers; every check is tested with a
right and with wrong answers.
"""

from .checks_retrieval import (  # noqa: I001
    ex04_1, ex04_2, ex04_3, ex03_1, ex03_2, ex03_3, ex05_1, ex05_2, ex05_3, ex07_1, ex07_2, ex07_3,
    ex08_1, ex08_2, ex08_3,
)  # fmt: skip
from .checks_transport import (
    ex00_1, ex00_2, ex01_1, ex01_2, ex01_3, ex02_1, ex02_2, ex02_3, ex06_1, ex06_2,
)  # fmt: skip

__all__ = [
    "ex00_1", "ex00_2", "ex01_1", "ex01_2", "ex01_3", "ex02_1", "ex02_2", "ex02_3", "ex03_1", "ex03_2", "ex03_3",
    "ex04_1", "ex04_2", "ex04_3", "ex05_1", "ex05_2", "ex05_3", "ex06_1", "ex06_2", "ex07_1", "ex07_2", "ex07_3",
    "ex08_1", "ex08_2", "ex08_3",
]  # fmt: skip
