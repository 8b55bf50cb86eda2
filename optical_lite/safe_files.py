"""Safe files: what is written appears whole or not at all; what killed processes left is removed.

A file or folder is made beside its place under a hidden name, ``.NAME.RANDOM.part``, and takes its
place when it is whole and on the disk. Its maker holds a lock on it (``flock``) that ends with the
process, however that ends: the next writer of the same name clears away what nobody holds. A system
without such locks clears nothing away and refuses nobody; the rest is the same.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .settings import InputError, get

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, of a person's share of it, of a file


def _take(opened: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder: False where another process has it, None without locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def named(path: str | Path) -> str:
    """A path by the name that it has when it is whole."""
    return re.sub(r"\.([^/\\]+)\.[0-9a-f]{8}\.part", r"\1", str(path))


def _another(path: Path) -> str:
    """How to write elsewhere: a variable says where downloads and what is kept for later lie."""
    own = {"OPTICAL_LITE_MODELS": get().models, "OPTICAL_LITE_CACHE": get().cache}
    for name, folder in own.items():
        if path.is_relative_to(folder):
            return f"set {name} to another folder than {folder}"
    return "choose another"


def _refused(path: Path, error: OSError) -> InputError:
    said = error.strerror or str(error) or type(error).__name__
    if error.errno in FULL:
        got, expected = f"no room ({said})", f"enough on the disk; make room, or {_another(path)}"
    else:
        got = f"{said!r} from the system"
        expected = f"a place to write to; check its kind and permissions, or {_another(path)}"
    return InputError(named(path), got, expected)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Raise one line that names a path where the system refuses what the block does."""
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from error


def _full(error: BaseException | None) -> OSError | None:
    """What a disk without room said, whatever a library made of it: a text, an error after it."""
    while error is not None:
        for code in FULL:
            if getattr(error, "errno", None) == code or f"(os error {code})" in str(error):
                return OSError(code, os.strerror(code))
        error = error.__cause__ or error.__context__
    return None


def clear(folder: Path, name: str | None = None) -> bool:
    """Remove what dead processes left in a folder, of one name or of all; whether one is living."""
    living, pattern = False, "*" if name is None else glob.escape(name)
    for part in folder.glob(f".{pattern}.{'[0-9a-f]' * 8}.part"):
        try:
            opened = os.open(part, os.O_RDONLY)
        except OSError:
            continue
        try:
            taken = _take(opened)
            living |= taken is False
            if taken:
                _remove(part)
        finally:
            os.close(opened)
    return living


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _begin(path: Path, folder: bool) -> tuple[Path, int | None]:
    """A new hidden file or folder beside a path, locked."""
    while True:
        part = _hidden(path)
        if folder:
            part.mkdir()
        else:
            part.touch(exist_ok=False)
        if fcntl is None:  # there, nobody can rename or remove what is open
            return part, None
        with suppress(FileNotFoundError):  # another process cleared it away before it was locked
            opened = os.open(part, os.O_RDONLY if folder else os.O_WRONLY)
            if _take(opened) is not False and part.exists():
                return part, opened
            os.close(opened)


def _settle(part: Path, mode: int) -> None:
    """Bring what was made to the disk, with the permissions that it began with."""
    for place in filter(Path.is_file, [part, *sorted(part.rglob("*"))]):
        # safetensors makes files anew, which nobody else may read
        os.chmod(place, mode & 0o666)
        with open(place, "r+b") as file:
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
                    raise


@contextmanager
def one_line(path: str | Path) -> Iterator[None]:
    """Raise one line that names a path where the disk has no room for what the block writes."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if (full := _full(error)) is None:
            raise
        raise _refused(Path(path), full) from error


@contextmanager
def guard(place: object, expected: str, got: str = "{}") -> Iterator[None]:
    """Raise one line for whatever a library raises: ``got``, with what was raised for its ``{}``.

    A panic of Rust is no :class:`Exception`.
    """
    try:
        with one_line(str(place)):
            yield
    except (InputError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        said = got.format(f"{type(error).__name__}: {' '.join(str(error).split()):.300}")
        raise InputError(named(str(place)), said, expected) from error


@contextmanager
def _part(path: Path, given: Path, folder: bool, move: Callable[[Path], None]) -> Iterator[Path]:
    """A hidden file or folder beside a path: moved if the block ends well, gone in any case."""
    part = opened = None
    try:
        with refusing(given):
            path.parent.mkdir(parents=True, exist_ok=True)
            clear(path.parent, path.name)
            part, opened = _begin(path, folder)
            mode = part.stat().st_mode
        with one_line(given):
            yield part
        with refusing(given):
            _settle(part, mode)
            move(part)
    finally:
        if part is not None:
            _remove(part)
        if opened is not None:
            os.close(opened)


@contextmanager
def making(path: str | Path, folder: bool = False) -> Iterator[Path]:
    """A hidden name to write a file or folder under; it takes its place if the block ends well.

    A device or pipe is written to as it is; through a link, what it points to is replaced. A folder
    that is there and not empty is never replaced. Without room or permission, or where a folder is
    in place of a file, one line is raised and what was there is as it was.
    """
    given = Path(path)
    # shm is a folder in memory
    device = given.parts[:2] == ("/", "dev") and given.parts[2:3] != ("shm",)
    if device or (given.exists() and not given.is_file() and not given.is_dir()):
        with one_line(given):
            yield given
        return
    place = Path(os.path.realpath(given))
    if place.is_dir() and not folder:
        raise _refused(given, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    with _part(place, given, folder, lambda part: os.replace(part, place)) as part:
        yield part


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A folder to write into, which gets its name if the block ends well and else is gone."""
    path = Path(path)
    if path.exists():
        expected = "a new folder; choose another --out or delete it"
        raise InputError(path, "a path that exists", expected)
    if clear(path.parent, path.name):
        expected = "a new one; wait for it, or choose another"
        raise InputError(path, "a folder that another process is making", expected)
    with making(path, folder=True) as part:
        yield part


@contextmanager
def into(folder: str | Path) -> Iterator[Path]:
    """A hidden folder inside another: if the block ends well, its files take their places there."""
    folder = Path(folder)

    def move(part: Path) -> None:
        for made in sorted(part.iterdir()):
            os.replace(made, folder / made.name)

    with _part(folder / "files", folder, True, move) as part:
        yield part


@contextmanager
def hold(folder: str | Path, wait: bool = False) -> Iterator[Path]:
    """Keep a folder, made if missing, to oneself until the block or the process ends.

    Where another process has it: ``wait`` until that is done, or raise.
    """
    folder = Path(folder)
    with refusing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder.parent, folder.name)
        opened = None if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        if opened is not None and _take(opened, wait) is False:
            expected = "one of its own; wait until that is done, or choose another --out"
            raise InputError(folder, "a folder that another process is writing to", expected)
        yield folder
    finally:
        if opened is not None:
            os.close(opened)


def discard(folder: str | Path) -> None:
    """Remove a folder or file: at once for whoever looks for it, whole or not at all."""
    folder = Path(folder)
    if os.path.lexists(folder):
        part = _hidden(folder)
        with refusing(folder):
            os.replace(folder, part)
        _remove(part)


def only_files(folder: Path) -> None:
    """Refuse links, pipes and devices in a folder that is written to: all in it is its own."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process's, which is at work
            kind = path.lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                expected = "files and folders alone; put a copy in its place, or delete it"
                raise InputError(path, "a link, pipe or device", expected)


def regular(path: str | Path) -> str | Path:
    """A path, where no pipe or device is in place of its file: opening it can wait for ever."""
    if os.path.exists(path) and not os.path.isfile(path):
        expected = "a file of its own; copy the file in its place"
        raise InputError(path, "something that is no file", expected)
    return path


def reserve(file: BinaryIO, size: int) -> None:
    """Give a file its size; a disk without room says so now, not after hours, where it can."""
    file.truncate(size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


def whole(text: str, place: object, mend: str) -> bytes:
    """A text in UTF-8, which holds no half of a character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        near = text[max(0, error.start - 20) : error.end]
        expected = f"text that UTF-8 holds; {mend}"
        raise InputError(place, f"half a character in {near!r}", expected) from None


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    if isinstance(content, str):
        content = whole(content, path, "mend it, nothing was written")
    with making(path) as part:
        part.write_bytes(content)
    return Path(path)
