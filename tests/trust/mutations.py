"""Mutations: valid inputs made wrong, byte by byte and by structure; the same random state makes the same ones."""

from __future__ import annotations

import gzip
import json
import random
import re
import tomllib

from toml_text import toml_lines

FOLDER = "a folder in place of the file"  # as content
PLAIN = [
    "1", "3", "0.5", "100", "en", "sw", "de", "beir", "trec", "xor", "p@10", "title", "dev", "expected", "o2", "utf-8",
]  # fmt: skip
TOKENS = [
    "", " ", "\t", "\n", "\r", "\x00", "\ufeff", "\u2028", "\x85", "\xa0", "\x1b[31m", '"', '""', "'", "\\", "/",
    "%s", "{}", "²", "٣", "--5", "-1", "+1", "0", "1.5", "1e999", "nan", "inf", "NaN", "-Infinity", "1_0", "9" * 25,
    "9" * 4301, "<b>", "</DOC>", "<DOC>", "<top>", "</top>", "&amp;", "&#0;", "&#55296;", "&#" + "9" * 4301 + ";",
    "<!--", "-->", "]]>", "description:", "number: ", "topic:", "query_id:", "0-", "-", "p", "1p1", "0-0", "true",
    "null", "[", "]", "{", "}", "[" * 998, "[" * 50_000, '{"a":' * 2_000, "../../../esc", "..", ".", "~nobody/x",
    "**", "*", "?", "[!a]", "a" * 5_000, "\\ud800", "\\u0000", "ب", "नि", "e\u0301", "\U0001f600",
    "2020-99-99", "1979-05-27T07:32:00Z", "[a.b]", "[[a]]", "a.b.c = 1", "a." * 7_000, "'''", '"""',
    "- ", ": ", "? ", "0x10", "0o8", "1:2:3", "=", "<<", "\x7f", "\ufffd",
]  # fmt: skip
VALUES = [
    None, True, False, 0, -1, 1.5, 1e308, float("inf"), float("nan"), 10**30, -(10**400), "", " ", "x", "²", "\x00",
    "a\tb", "a\nb", "\ud800", "<b>", "\ufeffx", "../../x", [], {}, [[]], [None], [1], ["x", "x"], {"": ""},
    {"a": {"b": []}}, "y" * 9_999, [[0, 0], [1]], "1", "0",
]  # fmt: skip
STRUCTURED = (".json", ".jsonl", ".jl", ".log")


def deep(depth: int) -> list:
    """A list in a list, so many times."""
    found: list = []
    for _ in range(depth):
        found = [found]
    return found


def mutate(files: dict[str, bytes], chance: random.Random) -> tuple[dict[str, bytes | str], list[str]]:
    """Files with one to three mutations, and what these were."""
    found: dict[str, bytes | str] = dict(files)
    said = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        names = [name for name in sorted(found) if isinstance(found[name], bytes)]
        if not names:
            break
        name = chance.choice(names)
        ways = [*BYTES] * 2 + [*WHOLE]
        if name.endswith(STRUCTURED):
            ways += [structure] * len(BYTES) * 2
        if name.endswith(".safetensors"):
            ways += [header] * len(BYTES) * 2
        if name.endswith(".toml"):
            ways += [toml_structure] * len(BYTES)
        way = chance.choice(ways)
        changed = way(found, name, chance)
        said.append(f"{name}: {way.__name__}" + (f" {changed}" if isinstance(changed, str) else ""))
    return found, said


def flip(found, name, chance):
    """Another value of one byte."""
    content = bytearray(found[name])
    if content:
        content[chance.randrange(len(content))] = chance.randrange(256)
    found[name] = bytes(content)


def insert(found, name, chance):
    """A token anywhere."""
    content, token = found[name], chance.choice(TOKENS)
    at = chance.randint(0, len(content))
    found[name] = content[:at] + token.encode() + content[at:]
    return repr(token[:20])


def delete(found, name, chance):
    """A slice less."""
    content = found[name]
    begin = chance.randint(0, len(content))
    found[name] = content[:begin] + content[begin + chance.choice((1, 2, 9, 99, 10**9)) :]


def repeat(found, name, chance):
    """A slice again, up to a hundred thousand times."""
    content = found[name]
    begin = chance.randint(0, len(content))
    end = begin + chance.choice((1, 2, 30, 200))
    times = chance.choice((2, 3, 50, 100_000 // max(1, end - begin)))
    found[name] = content[:begin] + content[begin:end] * times + content[end:]


def word(found, name, chance):
    """A token in place of a word."""
    content = found[name]
    places = [*re.finditer(rb'[^\s",:\[\]{}<>]+', content)]
    if places:
        place, token = chance.choice(places), chance.choice(TOKENS)
        found[name] = content[: place.start()] + token.encode() + content[place.end() :]
        return repr(token[:20])
    return None


def line(found, name, chance):
    """A line twice, gone, elsewhere, cut, blank, or joined with the next."""
    rows = found[name].split(b"\n")
    at, way = chance.randrange(len(rows)), chance.randrange(6)
    if way == 0:
        rows.insert(chance.randint(0, len(rows)), rows[at])
    elif way == 1:
        del rows[at]
    elif way == 2:
        rows.insert(chance.randrange(len(rows)), rows.pop(at))
    elif way == 3:
        rows[at] = rows[at][: chance.randint(0, len(rows[at]))]
    elif way == 4:
        rows.insert(at, b"")
    else:
        rows[at : at + 2] = [b" ".join(rows[at : at + 2])]
    found[name] = b"\n".join(rows)


def cell(found, name, chance):
    """A cell more, less, or twice."""
    rows = found[name].split(b"\n")
    at = chance.randrange(len(rows))
    cells = rows[at].split(b"\t")
    cells.insert(chance.randint(0, len(cells)), chance.choice([b"", chance.choice(cells), b"x"]))
    rows[at] = b"\t".join(cells if chance.random() < 0.5 else cells[:-2])
    found[name] = b"\n".join(rows)


def whole(found, name, chance):
    """Another content altogether, or the same in another encoding or form."""
    content = found[name]
    text = content.decode("utf-8", "replace")
    ways = [
        b"",
        b"\xff",
        b"\x00" * 5_000,
        b"\n" * 5_000,
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\x1f\x8b\x08\x00",
        content[:-1],
    ]
    ways += [b"\xef\xbb\xbf" + content, text.encode("utf-16"), text.encode("latin-1", "replace"), content.upper()]
    ways += [
        content.replace(b"\n", b"\r\n"),
        content.replace(b"\n", b"\r"),
        content + b"\n\n",
        content + b"\x00",
        content * 2,
    ]
    found[name] = chance.choice(ways)


def packed(found, name, chance):
    """Packed by gzip under the name with ``.gz``: well, not well, or a bomb."""
    content = found.pop(name)
    if chance.random() < 0.1:
        content = content + chance.choice([b"\n", b"x", b" ", b"[", b"a\tb\n"]) * 2**26
    pressed = gzip.compress(content, mtime=0)
    if chance.random() < 0.3:
        pressed = pressed[: chance.randint(0, len(pressed))] + chance.choice([b"", b"x", b"\x00" * 20])
    found[f"{name}.gz"] = pressed


def gone(found, name, chance):
    """No file, a folder in its place, or a second one beside it."""
    way = chance.randrange(3)
    if way == 0:
        del found[name]
    elif way == 1:
        found[name] = FOLDER
    else:
        found[f"{name}.bak"] = found[name]


BYTES = (flip, insert, delete, repeat, word, line, cell)
WHOLE = (whole, packed, gone)


def change(value, chance, depth=0):
    """A JSON value with one node that is another."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value, key=str))
        way = chance.randrange(8)
        if way == 0:
            return {k: v for k, v in value.items() if k != key}
        if way == 1:
            return {**value, chance.choice(["x", "", key + "x" if isinstance(key, str) else "y"]): value[key]}
        return {**value, key: change(value[key], chance, depth + 1)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        way = chance.randrange(8)
        if way == 0:
            return value[:at] + value[at + 1 :]
        if way == 1:
            return [*value, value[at]]
        return [*value[:at], change(value[at], chance, depth + 1), *value[at + 1 :]]
    if chance.random() < 0.05:
        return deep(chance.choice((50, 900, 3_000)))
    return chance.choice(VALUES)


def dumped(value) -> bytes:
    """JSON, also of what is nested deeper than Python's own writer goes."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"[" * 3_000 + b"]" * 3_000


def structure(found, name, chance):
    """Another node in a JSON file, or in one line of a file of JSON lines."""
    rows = [found[name]] if name.endswith(".json") else found[name].split(b"\n")
    at = chance.randrange(len(rows))
    try:
        rows[at] = dumped(change(json.loads(rows[at]), chance))
    except (ValueError, RecursionError):
        return insert(found, name, chance)
    found[name] = b"\n".join(rows)
    return repr(rows[at][:60])


def header(found, name, chance):
    """Another node in the header of a safetensors file, whose length fits."""
    content = found[name]
    size = int.from_bytes(content[:8], "little")
    try:
        new = dumped(change(json.loads(content[8 : 8 + size]), chance))
    except (ValueError, RecursionError):
        return insert(found, name, chance)
    new += b" " * (-len(new) % 8)
    found[name] = len(new).to_bytes(8, "little") + new + content[8 + size :]
    return repr(new[:60])


def toml_structure(found, name, chance):
    """Another node in a TOML file."""
    try:
        found[name] = toml_lines(change(tomllib.loads(found[name].decode()), chance)).encode()
    except (RecursionError, ValueError, AttributeError):
        return insert(found, name, chance)
    return None


def arguments(line: list[str], chance: random.Random, more: list[str]) -> list[str]:
    """A command line with one to three words that are others, gone, doubled or new."""
    found = list(line)
    values = [at for at, part in enumerate(line) if at and line[at - 1].startswith("--")]
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, way = chance.randint(1, max(1, len(found) - 1)), chance.randrange(9)
        if way > 4 and values:
            at = chance.choice(values)
            found[at : at + 1] = [chance.choice([*PLAIN, chance.choice(TOKENS).replace("\x00", "0")])]
        elif way in (0, 1):
            found[at : at + 1] = [chance.choice(TOKENS).replace("\x00", "0")]
        elif way == 2:
            del found[at : at + 1]
        elif way == 3:
            found.insert(at, chance.choice(found))
        else:
            found[at:at] = [chance.choice(more), chance.choice(TOKENS).replace("\x00", "0")]
    return found
