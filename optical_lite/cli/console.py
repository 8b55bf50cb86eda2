"""Console: between a command and the terminal: whatever stops it is one line and an exit code.

==========  =================================================================
exit code   meaning
==========  =================================================================
0, 1        all went well; a check found something wrong
2           wrong input; a disk, a permission, a memory that does not suffice
130         stopped by Ctrl-C
141         the reader of the output has gone, as in ``... | head -1``
==========  =================================================================
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from typing import TextIO

from ..safe_files import FULL
from ..settings import InputError, visible


class Output:
    """Standard output that fails at the end of a command, not before its files are written.

    What the console's encoding does not hold, or a terminal obeys, is replaced by question marks.
    """

    def __init__(self, under: TextIO) -> None:
        self.under, self.lost = under, None

    def __getattr__(self, name: str) -> object:
        return getattr(self.under, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        encoding = getattr(self.under, "encoding", None) or "utf-8"
        self._try(self.under.write, visible(text).encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Bring it to its reader."""
        self._try(self.under.flush)

    def _try(self, call: Callable, *values: str) -> None:
        if self.lost is None:
            try:
                call(*values)
            except OSError as error:
                self.lost = error
                # what is left would fail again when Python ends
                with contextlib.suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), self.under.fileno())


def reason(error: BaseException) -> str | None:
    """What stopped a command, in one short line; None for what only a fault of the code can be."""
    name = type(error).__name__
    if isinstance(error, InputError):
        said = str(error)
    elif isinstance(error, OSError):
        names = (str(path) for path in (error.filename, error.filename2) if path is not None)
        got = error.strerror or str(error) or name
        expected = "to use it; check path, kind and permissions"
        if error.errno in FULL:
            expected = "room on the disk; make some"
        said = f"{' -> '.join(names) or 'system'}: got {got!r}, expected {expected}"
    elif isinstance(error, RecursionError):
        said = "input: got data nested too deeply, expected what the command wrote; check the files"
    elif isinstance(error, UnicodeError):
        kind, why = getattr(error, "encoding", "an encoding"), getattr(error, "reason", str(error))
        said = f"text: got what {kind} does not hold ({why}), expected text in UTF-8; mend it"
    elif re.search("MemoryError|OutOfMemory|allocate memory|failed to map", f"{name} {error}"):
        said = "memory: got less than the command needs, expected more; "
        said += "give smaller files, --batch or --size"
    else:
        return None
    return str(InputError(" ".join(said.split())))


def guarded(call: Callable[[], int]) -> int:
    """The exit code of a command, after one line on standard error where something stopped it."""
    # a window without a console has neither, and print(file=None) takes the other
    output, errors = Output(sys.stdout or io.StringIO()), sys.stderr or io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = call()
            output.flush()
        if output.lost is None:
            return code
        if isinstance(output.lost, BrokenPipeError):
            return 141
        output.lost.filename = output.lost.filename or "standard output"
        raise output.lost
    except KeyboardInterrupt:
        said, code = "stopped by Ctrl-C; what was written is whole, and the same command ", 130
        said += "goes on or begins anew"
    except Exception as error:
        if (said := reason(error)) is None:
            raise
        said, code = f"error: {said}", 2
    finally:
        output.flush()
    with contextlib.suppress(OSError):
        print(said, file=errors, flush=True)
    return code
