"""SGML: what TREC's and CLEF's files are marked up with, read as plain text, and written.

Every function here takes time in proportion to the text, whatever stands in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5

# A tag's attributes begin with one that has a value: "<y and z>" is text, and so is "<a@b.org>".
TAG = re.compile(r"</?[A-Za-z][\w-]*(?:\s+[\w:-]+\s*=[^<>]*|\s*/?)>", re.ASCII)
DECLARATION = re.compile(r"<[!?][A-Za-z][^<>]*>")  # of a document's type, of its parts, of XML
ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,8}|([A-Za-z][A-Za-z0-9]*));")


def unwrapped(text: str) -> str:
    """Text without comments, and with entities for the markup that a CDATA section quotes."""
    # What nothing ends is text; without the cuts each beginning would be looked for to the end.
    end = text.rfind("]]>") + 3
    quoted = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
    text = quoted.sub(lambda found: html.escape(found[1], quote=False), text[:end]) + text[end:]
    end = text.rfind("-->") + 3
    return re.sub(r"<!--.*?-->", " ", text[:end], flags=re.DOTALL) + text[end:]


def plain(text: str) -> str:
    """Text without tags, comments and entities; blanks merge, but for those of entities.

    >>> plain("<P>Rain &amp; sun,  x<y and z>w</P><!-- page 2 -->&#32;")
    'Rain & sun, x<y and z>w '
    """
    text = TAG.sub(" ", unwrapped(text))
    for blank in "\t\r\n\f":
        text = text.replace(blank, " ")
    while "  " in text:  # an expression would keep every word in memory
        text = text.replace("  ", " ")
    # an entity ends with a semicolon: "a?x=1&reg=2" has none
    return ENTITY.sub(
        lambda it: html5.get(f"{it[1]};", it[0]) if it[1] else html.unescape(it[0]),
        text.strip(" "),
    )


def marked_up(text: str) -> str:
    r"""What :func:`plain` turns into the text again: entities for markup, and for its blanks.

    >>> marked_up(" 3 < 4,\nor  5")
    '&#32;3 &lt; 4,&#10;or &#32;5'
    """
    escaped = html.escape(text, quote=False)
    return re.sub(r"\A | \Z|(?<= ) |[\t\r\n\f]", lambda found: f"&#{ord(found[0])};", escaped)


def spans(text: str, names: tuple[str, ...]) -> Iterator[tuple[int, str, str, int]]:
    """Start, name, inside and end of every closed element of some names, in their order."""
    # gone through twice, for each that is kept takes 200 bytes
    tags = re.compile(rf"<(/?)({'|'.join(names)})(?:\s[^<>]*)?>", re.IGNORECASE).finditer
    last = {tag[2].lower(): tag.start() for tag in tags(text) if tag[1]}
    begun = None
    for tag in tags(text):
        if begun and tag[1] and tag[2].lower() == begun[2].lower():
            yield begun.start(), begun[2], text[begun.end() : tag.start()], tag.end()
            begun = None
        elif not begun and not tag[1] and tag.start() < last.get(tag[2].lower(), -1):
            begun = tag


def outside(text: str, names: tuple[str, ...]) -> str:
    """What stands outside of the closed elements of some names."""
    found, place = [], 0
    for start, _, _, end in spans(text, names):
        found.append(text[place:start])
        place = end
    return " ".join([*found, text[place:]])


def first_words(text: str) -> str:
    """The first words of a text that has any; tags, declarations and marks alone are none.

    >>> first_words("<!DOCTYPE a [<!ELEMENT b (c)>]> <P>page 7</P>"), first_words("<P>--</P>")
    ('page 7', '')
    """
    for _ in range(2):  # a document's type may hold declarations
        text = DECLARATION.sub(" ", text)
    words = plain(text)
    return words[:60] if any(map(str.isalnum, words)) else ""


def elements(text: str, names: tuple[str, ...]) -> list[str]:
    """Plain text of every element of some names, in their order."""
    return [plain(inside) for _, _, inside, _ in spans(text, names)]
