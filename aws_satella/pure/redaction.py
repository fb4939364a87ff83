"""What a log may show of a text that others have written: no key, no token, no password, no control character.

What may live here: how secrets look, and how texts fit into a line. What may not: exceptions and logs. To add a kind of
secret: if it has a name that comes before it, add that name to :data:`ECHO`; otherwise give it a row in :data:`MASKS`.

CloudWatch answers a wrong signature with the headers that it was computed from, the session token among them. botocore
names the endpoint as it was configured, with its user and password.
"""

from __future__ import annotations

import re
from typing import Final

MAX_CHARACTERS: Final = 300
"""Of a text in a log."""

MAX_VALUE_CHARACTERS: Final = 1_000
"""Of a name, or of another text, that is filled into a line."""

MAX_READ_CHARACTERS: Final = 4_000
"""Of a text that is looked through, since an error may quote the whole body of a reply."""

ECHO: Final = r"""(?ix)
    The\ Canonical\ String | The\ String-to-Sign            # AWS quotes the request that it got
    | x-amz-security-token | (?:credential|signature)=
    | (?: authorization | cookie ) [\\"']{0,8} (?:\ header)? \s* [:=,>]
    | (?: secret_?access_?key | session_?token | password ) [\\"']{0,8} \s* [:=,>]
    | token (?: [\\"']{1,8} \s* [:,] | = )
    | cast\ to\ integer\ value                              # of a port, which may be a part of a password
"""
"""Where the quotation of a secret begins. Nothing is shown from there on: where it ends depends on who quotes."""

MASKS: Final = (
    # The user and the password of a URL: in quotes, then up to a blank, then without a scheme. No ARN is a URL.
    (
        r"""(?x)
        ("[^"\s]*?//) [^"]*@ | (//) [^\s"<>]*@
        | (?<![^\s"'(=,]) (?!arn:) [^\s"'/@:]+ : (?!//) [^\s"]+ @ (?=[\w\[])
        """,
        r'\1\2',
    ),
    # The query of a URL, where receivers of OTLP may have a key.
    (r"""(https?://[^\s"'<>?]+\?)[^\s"'<>]+""", r'\1...'),
    # Access key ids, of AWS accounts and of roles.
    (r'(AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{8,}', r'\1...'),
    # Session tokens begin so; whatever is longer than the ARN of a role may be one; signatures are 64 digits.
    (r'(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=%]{8,}', '...'),
    (r'[A-Za-z0-9+/=_%-]{160,}', '...'),
    (r'(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])', '...'),
)
"""What is replaced, one after the other. ``re`` compiles a pattern when it is used first, and remembers it."""


def masked(text: str) -> str:
    """The text without secrets, and with its control characters escaped. It may still have several lines. A text that
    has none of these, and is not very long, stays as it is."""
    text = _escaped(text[: MAX_READ_CHARACTERS + 1].replace('\r\n', '\n'), kept='\n\t')
    if len(text) > MAX_READ_CHARACTERS:  # without its last word, which may be a part of a secret
        text = ' '.join(text[:MAX_READ_CHARACTERS].split(' ')[:-1]) + '...'
    echo = re.search(ECHO, text)
    if echo is not None:
        text = text[: echo.start()] + '...'
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text


def cleaned(text: str) -> str:
    """The text without secrets, on one line, and cut."""
    text = ' '.join(masked(text).split())
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + '...'


def on_one_line(text: str) -> str:
    """A text that is filled into a line, such as the name of a metric. What is too long loses its middle."""
    if len(text) > MAX_VALUE_CHARACTERS:
        half = (MAX_VALUE_CHARACTERS - 3) // 2
        text = f'{text[:half]}...{text[-half:]}'
    return _escaped(text)


def _escaped(text: str, kept: str = '') -> str:
    """The text with each character that is not printable as Python writes it: line breaks, terminal escapes, marks that
    turn the direction of writing, lone surrogates."""
    if text.isprintable():
        return text
    return ''.join(each if each.isprintable() or each in kept else ascii(each)[1:-1] for each in text)
