"""Configurations of the experiment: every setting with its source.

Of OPTICAL's own settings only what its abstract says could be verified. A setting that ``sources``
does not name, or names "ours", was chosen here; where public code of the same family states one,
that is taken and named.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from ..config import COUNT, LENGTH, POSITIVE, SEED, Checked, DistillConfig, option
from ..model_files import MBERT, XLMR
from ..settings import InputError, Range

TINY = {"vocab_size": 3000, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 256, "max_position_embeddings": 192, "type_vocab_size": 2}  # fmt: skip


@dataclass(frozen=True)
class TeacherConfig(Checked):
    """Training of a teacher on triples, with settings as in :class:`.config.DistillConfig`.

    ``dimension`` is that of the token vectors, by a projection; lengths are tokens that are read.
    """

    dimension: int = option(allowed=COUNT)
    steps: int = option(allowed=COUNT)
    batch: int = option(allowed=COUNT)
    rate: float = option(allowed=POSITIVE)
    warmup: float = option(0.1, allowed=Range(0, 1))
    question_length: int = option(32, allowed=LENGTH)
    passage_length: int = option(180, allowed=LENGTH)
    seed: int = option(0, allowed=SEED)


@dataclass(frozen=True)
class PaperConfig(Checked):
    """One experiment.

    Attributes
    ----------
    model : hub name or folder to start from, ``tiny`` for a random one
    teacher, student : training on triples, and on sentence pairs, which are read as questions
    depth : documents a question in a ranking
    stride : tokens from one passage of a long document to the next
    sources : where a setting comes from, by name; the settings that are not here are ours
    note : what must be said with the results
    """

    name: str
    model: str
    teacher: TeacherConfig
    student: DistillConfig
    depth: int = option(1000, allowed=COUNT)
    stride: int = option(90, allowed=COUNT)
    sources: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.student.max_length != self.teacher.question_length:
            raise InputError(
                f"{self.name}: got questions of {self.teacher.question_length} tokens and "
                f"sentences of {self.student.max_length}, expected the same: sentences are read as "
                "questions"
            )

    def settings(self) -> list[tuple[str, object, str]]:
        """(setting, value, source) of all that decides the result."""
        unused = ("seed", "save_every", "keep", "special", "reach", "mass")
        rows = {"model": self.model}
        for side in ("teacher", "student"):
            values = asdict(getattr(self, side)).items()
            rows |= {f"{side}.{name}": value for name, value in values if name not in unused}
        rows |= {"depth": self.depth, "stride": self.stride}
        return [(name, value, self.sources.get(name, "ours")) for name, value in rows.items()]


COLBERT = "ColBERT's default, stanford-futuredata/ColBERT@501c29d colbert/infra/config/settings.py"
DRDECR = "DR.DECR's, primeqa/primeqa@4ae1b45 extensions/drdecr/README.md"
MILQ = (
    "MiLQ's 180-token passages of CLEF overlap by 90, jonghwi-kim/milq@12e7384 "
    "src/preprocessing/preprocess_clef.py"
)
OPTICAL = {
    "sources": {
        **{f"teacher.{name}": COLBERT for name in ("dimension", "steps", "batch", "rate")},
        "teacher.question_length": COLBERT,
        "teacher.passage_length": f"{DRDECR}; ColBERT's own default is 220",
        "student.loss": "the abstract of arXiv 2301.12566: optimal transport over tokens of "
        "sentence pairs",
        "student.rate": DRDECR,
        "student.steps": DRDECR,
        "stride": MILQ,
    },
    "note": "The paper's body could not be read: its encoder, rates, lengths, bitext and languages "
    "are not verified.",
}
TEACHER = TeacherConfig(dimension=128, steps=500_000, batch=32, rate=3e-6, warmup=0.0)
STUDENT = DistillConfig(
    trainable="all", steps=84_897, batch=32, rate=4.8e-5, max_length=32, save_every=1000
)
CONFIGS = {
    config.name: config
    for config in (
        PaperConfig("optical_mbert", MBERT, TEACHER, STUDENT, **OPTICAL),
        PaperConfig("optical_xlmr", XLMR, TEACHER, STUDENT, **OPTICAL),
        PaperConfig(
            "tiny", "tiny", TeacherConfig(dimension=32, steps=40, batch=16, rate=1e-3),
            replace(STUDENT, steps=60, batch=16, rate=1e-3, save_every=20), depth=100,
        ),
    )
}  # fmt: skip
