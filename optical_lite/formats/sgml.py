"""SGML: what TREC's and CLEF's files are marked up with, read as plain text, and written.

Every function here takes time in proportion to the text, whatever stands in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator


def plain(text: str) -> str:
    """Text without tags, comments and entities; blanks merge, but for those of entities.

    >>> plain("<P>Rain &amp; sun,  3 < 4</P><!-- page 2 -->&#32;")
    'Rain & sun, 3 < 4 '
    """
    # What no comment ends is text; without the cut each "<!--" would be looked for to the end.
    end = text.rfind("-->") + 3
    text = re.sub(r"<!--.*?-->", " ", text[:end], flags=re.DOTALL) + text[end:]
    text = re.sub(r"[ \t\r\n\f]+", " ", re.sub(r"</?[A-Za-z][^<>]*>", " ", text)).strip(" ")
    return html.unescape(re.sub(r"&#[0-9]{9,};?", "\ufffd", text))


def marked_up(text: str) -> str:
    r"""What :func:`plain` turns into the text again: entities for markup, and for its blanks.

    >>> marked_up(" 3 < 4,\nor  5")
    '&#32;3 &lt; 4,&#10;or &#32;5'
    """
    escaped = html.escape(text, quote=False)
    return re.sub(r"\A | \Z|(?<= ) |[\t\r\n\f]", lambda found: f"&#{ord(found[0])};", escaped)


def spans(text: str, names: tuple[str, ...]) -> Iterator[tuple[int, str, str, int]]:
    """Start, name, inside and end of every closed element of some names, in their order."""
    tags = [*re.finditer(rf"<(/?)({'|'.join(names)})(?:\s[^<>]*)?>", text, re.IGNORECASE)]
    last = {tag[2].lower(): tag.start() for tag in tags if tag[1]}
    begun = None
    for tag in tags:
        if begun and tag[1] and tag[2].lower() == begun[2].lower():
            yield begun.start(), begun[2], text[begun.end() : tag.start()], tag.end()
            begun = None
        elif not begun and not tag[1] and tag.start() < last.get(tag[2].lower(), -1):
            begun = tag


def elements(text: str, names: tuple[str, ...]) -> list[str]:
    """Plain text of every element of some names, in their order."""
    return [plain(inside) for _, _, inside, _ in spans(text, names)]
