"""Texts that programs use for names and labels, and those that break things."""

from __future__ import annotations

import re

from hypothesis import strategies as st

WIDE = ' \t\n\r\x00\x1c\x7f\x85\xa0ąź€☃\u2003\u200b\ud800\U0001f4a9"\\/:,{}\''
"""Blanks, control characters, what JSON escapes, what is no ASCII, and what is no character at all."""

plain = st.from_regex(r'\A[a-z][a-z0-9_.]{0,12}\Z')
odd = st.text(st.one_of(st.sampled_from(WIDE), st.characters(codec='utf-8', max_codepoint=0x2FFF)), max_size=12)


def long(most: int) -> st.SearchStrategy[str]:
    """About as long as is allowed, before and after escaping."""
    return st.builds(
        lambda text, times, rest: (text * (times // len(text)) + 'x' * rest)[: most + 2],
        st.sampled_from(('a', ':', ' ', 'ą', '"', '\n', '\U0001f4a9', 'ab')),
        st.sampled_from((most // 10, most // 6, most // 4, most // 2, most - 1, most, most + 1)),
        st.integers(0, 2),
    )


def texts(most: int) -> st.SearchStrategy[str]:
    """Of all kinds."""
    return st.one_of(plain, odd, long(most))


def escaped(text: str) -> str:
    """In printable ASCII: a model of what the library does."""
    return re.sub(r'[^ -~]', lambda found: found[0].encode('unicode_escape').decode('ascii'), text)


def blank(text: str) -> bool:
    """Nothing to see."""
    return all(character.isspace() for character in text)
