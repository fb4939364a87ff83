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


ATTACKS = (
    *(
        '\n2026-01-01 CRITICAL forged',
        '\r\x1b[2K\x1b[31mforged',
        '\x9b2J',
        '\x1b]0;title\x07',
        '\u202egnp.exe\u202c',
        '\x08' * 9,
    ),
    *(
        '"}]}],"Namespace":"Stolen","MetricData":[{"MetricName":"m',
        '\\',
        '\\"',
        '"',
        "'",
        '\\u0022',
        '{}',
        '\x00',
        'a\x00b',
    ),
    *(
        '\n\x07attacked',
        '\x0a\x02\x08\x01',
        '\x12\x80\x80\x04',
        '\ud800',
        '\udfff\ud800',
        '\U000e0001',
        '\ufeff',
        '\u2028',
    ),
    *(
        '../../../etc/passwd',
        '/etc/passwd',
        '.batch',
        'CON',
        '-rf',
        '; rm -rf /',
        '$(id)',
        '`id`',
        '<script>',
        '%s%n',
        '{0.x}',
    ),
    *('(other)', '*', ':', 'Namespace', 'service.name', 'pid', 'AWS/EC2', ' ', '\u3000'),
)
"""What breaks out of lines, terminals, JSON, protobuf, paths, shells, pages and formats, or looks like what is ours."""

hostile = st.one_of(
    st.sampled_from(ATTACKS),
    st.lists(st.sampled_from((*ATTACKS, *WIDE)), max_size=4).map(''.join),
    st.text(st.characters(), max_size=20),
    odd,
)
"""Any text whatsoever."""
