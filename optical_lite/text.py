"""Text: one normal form, and one way to cut text into words, for everything that compares texts.

:func:`words` cuts a sentence as gold alignments count it, punctuation included. :func:`terms` are
what lexicon, BM25 and structured queries compare: the normal form, no punctuation. Two
texts that Unicode holds to be the same have the same terms.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from unicodedata import category, normalize

# One letter: a glottal stop (Hausa ma'aikata), part of one (ng'ombe), an elision (Igbo n'ime).
APOSTROPHES = str.maketrans(dict.fromkeys("’ʼ‘‛ʻʽʾʿʹˈꞌ`´′＇", "'"))
BLANK = "\u200b"  # a zero-width space stands between words
VOWELS = "aeiouhɛɔə"  # and h, which French does not sound
MARKS = "LMN"  # first letters of Unicode's categories: letters, marks (vowel signs, tones), numbers


def fold(text: str) -> str:
    """Normal form for comparing sentences: NFKC, lower case, single blanks.

    >>> fold("  Maji  SAFI ")
    'maji safi'
    >>> fold("e\u0301cole") == fold("École")
    True
    """
    # Folding takes some letters apart again; joined they can be a capital (as ϓ with an accent).
    text = normalize("NFKC", normalize("NFKC", text).casefold()).casefold()
    return " ".join(text.split())


def visible(text: str) -> str:
    """Text without joiners, soft hyphens and other signs that only shape what stands beside them.

    >>> visible("maji\u200bsa\u00adfi")
    'maji safi'
    """
    return text if text.isascii() else text.translate(_hidden())


@functools.cache
def _hidden() -> dict[int, str | None]:
    """What to put in the place of each invisible sign: nothing, or a blank."""
    signs = (code for code in range(sys.maxunicode + 1) if category(chr(code)) == "Cf")
    return {code: " " if chr(code) == BLANK else None for code in signs}


def bare(text: str) -> str:
    """Letters, marks and digits of a folded text, which no punctuation and no blank changes.

    >>> bare("Who is she ?") == bare("who is she")
    True
    """
    text = fold(visible(text).translate(APOSTROPHES))
    return "".join(char for char in text if category(char)[0] in MARKS)


def latin(text: str) -> bool:
    """Whether at least half of a text's letters are Latin."""
    text = normalize("NFC", text)  # a Korean syllable counts once
    letters = [unicodedata.name(char, "?").startswith("LATIN") for char in text if char.isalpha()]
    return 2 * sum(letters) >= len(letters)


def unmarked(text: str) -> str:
    """Latin text without accents and tone marks, as an uncased BERT reads it; other text as it is.

    >>> unmarked("Ọmọ ọdún mélòó"), unmarked("पानी")
    ('Omo odun meloo', 'पानी')
    """
    apart = normalize("NFD", text)
    return "".join(char for char in apart if category(char) != "Mn") if latin(text) else text


def words(text: str) -> list[str]:
    r"""Split a sentence into words; punctuation at the edge of a word becomes a word of its own.

    This is the word that gold alignments count, in every script (a regular expression's ``\w``
    would break Devanagari at its vowel signs).

    >>> words("Maji safi, tafadhali!")
    ['Maji', 'safi', ',', 'tafadhali', '!']
    """
    found = []
    for chunk in text.split():
        start, end = 0, len(chunk)
        while start < end and category(chunk[start])[0] in "PS":
            start += 1
        while end > start and category(chunk[end - 1])[0] in "PS":
            end -= 1
        found += [*chunk[:start], *([chunk[start:end]] if end > start else []), *chunk[end:]]
    return found


def terms(text: str) -> list[str]:
    """The words of a text that can be looked up: normal form, no punctuation, in any language.

    A word of :func:`words` is cut on at all signs inside it, because an English passage writes
    "x-ray" and "x ray" as it likes. Kept whole are numbers (1,000 and 3.5) and apostrophes between
    letters (Hausa ma'aikata, Swahili ng'ombe, English don't), however they are typed; at the edge
    of a word they cannot be told from quotation marks, and go. Two apostrophes part words: English
    's goes, and a consonant that has lost its vowel before another is a word (Igbo n'ime, Yoruba
    l'ọ́dún, Twi w'adi, French l'eau). Scripts without blanks are cut at punctuation alone.

    >>> terms("Ma’aikata: COVID-19, 3.5 km – the doctor's x-ray")
    ["ma'aikata", 'covid', '19', '3.5', 'km', 'the', 'doctor', 'x', 'ray']
    """
    found = []
    for chunk in fold(visible(text).translate(APOSTROPHES)).split():
        found += [chunk] if chunk.isalnum() else _within(chunk)
    return found


@functools.lru_cache(1 << 16)  # words repeat themselves
def _within(chunk: str) -> tuple[str, ...]:
    """Terms of what stands between two blanks of a folded text."""
    found = []
    for word in words(chunk):
        inside = "".join(char if _belongs(word, k) else " " for k, char in enumerate(word))
        for part in inside.split():
            found += [term for term in _clitics(part) if any(map(str.isalnum, term))]
    return tuple(found)


def _belongs(word: str, k: int) -> bool:
    """Whether a character is part of a term: a letter, or a sign between two letters or digits."""
    if category(word[k])[0] in MARKS:
        return True
    before, after = word[max(0, k - 1) : k], word[k + 1 : k + 2]
    if word[k] == "'":
        return bool(before and after) and all(category(c)[0] in MARKS for c in before + after)
    return word[k] in ".,٫٬" and before.isdecimal() and after.isdecimal()


def _clitics(term: str) -> list[str]:
    """A term without English 's, and in two where one consonant stands before ' and a vowel."""
    head, mark, rest = term.partition("'")
    base, vowel = _letters(head), _letters(rest)[:1] in VOWELS
    if mark and vowel and len(base) == 1 and base.isalpha() and base not in VOWELS:
        return [head, *_clitics(rest)]
    end = len(term)
    while term.endswith("'s", 0, end):
        end -= 2
    return [term[:end]]


def _letters(text: str) -> str:
    """Text without the marks on its letters, in any script."""
    return "".join(c for c in normalize("NFD", text) if category(c)[0] != "M")
