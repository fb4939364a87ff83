"""No secret gets into a log, whoever quotes it, and in whatever form, and no character that a terminal acts upon."""

from __future__ import annotations

import json
import string
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property.texts import hostile, odd

from aws_satella.pure.redaction import cleaned, masked, on_one_line

# What docs/security.md and docs/troubleshooting.md say, and what is read of a text that may be a whole page.
MAX_CHARACTERS, MAX_VALUE_CHARACTERS, MAX_READ_CHARACTERS = 300, 1_000, 4_000

BASE64 = string.ascii_letters + string.digits + '+/'
LOWEST_SECRET_LENGTH = 8

words = st.text(string.ascii_lowercase + ' .,\n', max_size=40)
tokens = st.text(BASE64, min_size=20, max_size=400).map('IQoJ'.__add__)
secret_keys = st.text(BASE64, min_size=40, max_size=40)
key_ids = st.builds(
    str.__add__,
    st.sampled_from(('AKIA', 'ASIA')),
    st.text(string.ascii_uppercase + '234567', min_size=16, max_size=16),
)
passwords = st.text(
    string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/?#%", min_size=LOWEST_SECRET_LENGTH, max_size=30
)
secret_texts = st.text(BASE64, min_size=170, max_size=400)
signatures = st.text('0123456789abcdef', min_size=64, max_size=64)

ROLE = (
    'arn:aws:sts::123456789012:assumed-role/Production-Telemetry-EcsTaskRole-1A2B3C4D5E6F/'
    '0123456789abcdef0123456789abcdef'
)
URLS = (
    'Could not connect to the endpoint URL: "https://somebody:{secret}@host.example.com/"',
    'Could not connect to the endpoint URL: "https://somebody:{secret} {secret}@host.example.com/path"',
    'Failed to connect to proxy URL: "//{secret}@host.example.com:3128"',
    'Invalid endpoint: somebody:{secret}@host.example.com',
    "{{'https': 'http://somebody:{secret}@host.example.com:8080'}}",
    'port: http://host.example.com:8080,//{secret}@host.example.com',
)
QUOTED = (
    "The signature does not match.\n\nThe Canonical String for this request should have been\n'POST\n/\n{secret}\n'",
    "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20260101T000000Z\n{secret}'\n",
    'host: x\r\nx-amz-security-token: {secret}\r\nhost: x',
    "{{'X-Amz-Security-Token': b'{secret}'}}",
    'https://host.example.com/?X-Amz-Signature={secret}&x=y',
    'AWS4-HMAC-SHA256 Credential={secret}/20260101/us-east-1',
    "{{'Authorization': 'AWS4-HMAC-SHA256 {secret}'}}",
    "[('Proxy-Authorization', 'Basic {secret}')]",
    "not a valid key=value pair in Authorization header: '{secret}'",
    'Set-Cookie: {secret}',
    'aws_secret_access_key = {secret}',
    '{{"SecretAccessKey" : "{secret}"}}',
    '{{"Token" : "{secret}"}}',
    'token={secret}',
    '<SessionToken>{secret}</SessionToken>',
    'aws_session_token={secret}',
    'password={secret}',
)
SHAPES = {
    **dict.fromkeys(URLS, passwords),
    **dict.fromkeys(QUOTED, secret_keys),
    'The token {secret} is too old': tokens,
    'The key {secret} is unknown': key_ids,
    'got {secret}, expected another': signatures,
    'endpoint URL: "https://host.example.com/v1/metrics?key={secret}"': secret_keys,
    'got  {secret} instead of XML': secret_texts,
}


def _leaks(text: str, secret: str) -> bool:
    """Whether the text has eight characters of the secret, one after the other."""
    parts = {secret[start : start + 8] for start in range(len(secret) - 7)}
    return any(part in text for part in parts if not part.startswith(('AKIA', 'ASIA')))


@pytest.mark.parametrize('template', SHAPES)
@given(st.data(), words, words, st.sampled_from(('{}', 'repr', 'json', 'nested')))
def test_redaction_shows_no_secret(template: str, data: st.DataObject, before: str, after: str, form: str) -> None:
    """A quoted header, a URL with a password, a key: plainly, in a ``repr()``, in JSON, or in one within another."""
    secret = data.draw(SHAPES[template], 'secret')
    assume(not _leaks(before + after, secret))
    text = f'{before} {template.format(secret=secret)} {after}'
    text = {'{}': text, 'repr': repr(ValueError(text)), 'json': json.dumps(text), 'nested': repr(repr(text))}[form]
    for shown in (masked(text), cleaned(text)):
        assert not _leaks(shown, secret)


@given(st.one_of(words, odd, hostile, st.text(), st.text('/@:"\'= ', max_size=300)))
@example('x ' * MAX_CHARACTERS)
def test_cleaned_text_is_one_short_line(text: str) -> None:
    """It is never longer than a line may be, has no line break and no other character that a terminal acts upon, and
    cleaning it again changes nothing more."""
    shown = cleaned(text)
    assert len(shown) == min(len(' '.join(masked(text).split())), MAX_CHARACTERS)
    assert shown.isprintable()
    assert cleaned(shown) == shown


@given(st.one_of(words, hostile))
def test_masked_text_has_only_line_breaks_and_tabs(text: str) -> None:
    """A traceback has several lines. What else a terminal acts upon is escaped there as well."""
    assert masked(text).replace('\n', '').replace('\t', '').isprintable()


@given(st.one_of(words, hostile))
@example('x' * MAX_VALUE_CHARACTERS)
@example('x' * (MAX_VALUE_CHARACTERS + 1))
@example('\x1b' * 1_000_000)
def test_text_that_is_filled_into_a_line_stays_on_it(text: str) -> None:
    """Each character that is not printable is escaped, as Python writes it, and what is too long loses its middle."""
    shown = on_one_line(text)
    assert shown.isprintable()
    if len(text) <= MAX_VALUE_CHARACTERS:
        assert shown == ''.join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    else:
        before, after = shown.split('...')
        assert len(before.encode('ascii')) + len(after) <= MAX_VALUE_CHARACTERS * len(r'\U0010ffff')


@pytest.mark.parametrize(
    'text',
    [
        "NoCredentialsError('Unable to locate credentials')",
        (
            f'An error occurred (AccessDenied) when calling the PutMetricData operation: User: {ROLE} is not '
            'authorized to perform: cloudwatch:PutMetricData because no identity-based policy allows it'
        ),
        'User: arn:aws:sts::123456789012:assumed-role/Admin/jane@example.com is not authorized',
        'Could not connect to the endpoint URL: "https://monitoring.us-east-1.amazonaws.com/"',
        'Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY',
        'The security token included in the request is invalid.',
        'Error when retrieving token from sso: Token has expired and refresh failed',
        "ValueError('could not convert string to float: x@y')",
        'The reply did not come from CloudWatch: status 200, content type text/html; charset=utf-8',
    ],
)
def test_redaction_shows_what_helps(text: str) -> None:
    """The role, the endpoint, the reason: what an operator needs stays as it is."""
    assert cleaned(text) == masked(text) == text


@pytest.mark.parametrize(
    ('show', 'text', 'shown'),
    [
        (cleaned, 'x.' * 150, 'x.' * 150),
        (cleaned, 'x.' * 150 + 'y', 'x.' * 148 + 'x...'),
        (masked, 'x ' * 2_000, 'x ' * 2_000),
        (masked, 'x ' * 2_000 + 'y', 'x ' * 1_999 + 'x...'),
        (masked, 'a\r\nb\rc\td', 'a\nb\\rc\td'),
        (masked, 'it has token=abc', 'it has ...'),
        (masked, 'AKIA0123456789ABCDEF is unknown', 'AKIA... is unknown'),
        (masked, 'http://host/v1?key=abc is down', 'http://host/v1?... is down'),
        (masked, 'https://somebody:password@host/ is down', 'https://host/ is down'),
        (masked, f'got {"0f" * 32}', 'got ...'),
        (masked, f'got {"_" * 159}', f'got {"_" * 159}'),
        (masked, f'got {"_" * 160}', 'got ...'),
        (masked, 'got IQoJ01234567', 'got ...'),
        (on_one_line, 'a' * 1_000, 'a' * 1_000),
        (on_one_line, 'a' * 501 + 'b' * 500, 'a' * 498 + '...' + 'b' * 498),
        (on_one_line, 'a\n\x1b', 'a\\n\\x1b'),
    ],
    ids=lambda each: each[:12] if isinstance(each, str) else None,
)
def test_cuts_and_masks_are_marked(show: Callable[[str], str], text: str, shown: str) -> None:
    """Three points stand for what is left out. What is just short enough stays whole."""
    assert show(text) == shown


def test_page_is_cut_before_it_is_looked_through() -> None:
    """A reply of megabytes costs no more than a short one, and a secret at the cut does not get through by halves. All
    other words stay."""
    words = 'x ' * (MAX_READ_CHARACTERS // 2 - 20)
    page = words + 'https://somebody:password@host ' + '//' * 1_000_000
    assert 'password' not in masked(page)
    assert masked(page).startswith(words)
    straddling = 'https://somebody:password' + 'p' * MAX_READ_CHARACTERS + '@host'
    assert 'password' not in cleaned(straddling)
