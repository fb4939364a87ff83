"""Files of a spool: what their names and their bytes say, and which of them go next, or go altogether.

What may live here: functions between batches and bytes, and decisions about lists of files. What may not: reading,
writing, clocks, process ids, locks (:mod:`aws_satella.effects.spool`).

A file is one batch. Its first line is a version. The second has the length and the checksum of all that follows, so
that a file is complete or recognized as incomplete. The third has the form, the timestamp, and how many parts the
envelope and the items are. Then come the lengths of these parts, four bytes each, and the parts themselves::

    aws-satella spool 1
    164 0a1b2c3d
    putmetricdata 1700000000.25 1 2
    ...

A form that is to be spooled has a row in ``_FORMS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from hashlib import sha256
from itertools import accumulate, pairwise
from math import isfinite
from struct import pack, unpack_from
from typing import Any, Final, NamedTuple
from zlib import crc32

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch, first_beyond
from aws_satella.pure.formats import otlp, putmetricdata

VERSION: Final = 1

FIRST_LINE: Final = b'aws-satella spool %d\n' % VERSION

LEFTOVER_SECONDS: Final = 60 * 60
"""How old a file under a dot name is before it counts as left behind: writing one takes less than a second."""


SAME_TIME_SECONDS: Final = 2.5
"""How far apart two changes of a directory may be that leave it with the same time: two seconds on FAT."""


class Unreadable(Enum):
    """Why a file is not read. Such a file is never deleted."""

    FOREIGN = 'not a file of a spool'
    NEWER = 'written by a newer version of aws-satella'
    INCOMPLETE = 'only half of it was written'
    CORRUPT = 'corrupt'


class Name(NamedTuple):
    """What the name of a file says. Names sort as these values do: the oldest first."""

    microseconds: int
    """When the youngest item was read, in UNIX time."""
    pid: int
    number: int
    """What tells batches of one process and one moment apart."""
    key: str
    """Who may send it: :func:`key_of`."""

    def __str__(self) -> str:
        return f'{self.microseconds:017d}-{self.pid:010d}-{self.number:010d}{_END.format(self.key)}'


class File(NamedTuple):
    """A file of a directory."""

    name: str
    size: int
    """In bytes."""


_NAME: Final = re.compile(r'([0-9]{17})-([0-9]{10})-([0-9]{10})-([0-9a-f]{16})\.batch')

_END: Final = '-{}.batch'

_MAX_SECONDS: Final = 9e10
"""The last time that a name has room for: the year 4821."""


def key_of(namespace: str, destination: str, form: str) -> str:
    """What the files of one namespace, destination and form have in common, and no others."""
    return sha256(ascii((namespace, destination, form)).encode('ascii')).hexdigest()[:16]


def name_of(batch: Batch, pid: int, number: int, key: str) -> Name:
    """The name of the file of a batch.

    :param number: what no other batch of this process has, below 10,000,000,000
    """
    return Name(_microseconds(batch.timestamp), pid, number, key)


def _microseconds(timestamp: float) -> int:
    return int(min(max(0.0, timestamp), _MAX_SECONDS) * 1e6)


def _start_of(timestamp: float) -> str:
    """How the names of data of this time start."""
    return f'{_microseconds(timestamp):017d}'


def parsed(name: str) -> Name | None:
    """What a name says. None where it is not that of a batch."""
    found = _NAME.fullmatch(name)
    return Name(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None


def hidden(name: object) -> str:
    """The dot name under which a file is written."""
    return f'.{name}'


def left_behind(name: str, key: str, age: float) -> Name | None:
    """The name that an unfinished file would have got, if its writer may be gone.

    :param age: the seconds since the file was written to
    """
    unfinished = parsed(name[1:]) if name.startswith('.') else None
    return unfinished if unfinished and unfinished.key == key and age > LEFTOVER_SECONDS else None


def queue(names: Iterable[str], key: str, unreadable: Iterable[str] = ()) -> list[str]:
    """The names of the batches to be sent, those with the oldest data first.

    :param names: all names of a directory
    :param unreadable: names of files that are not read
    """
    left_out, end = frozenset(unreadable), _END.format(key)
    return sorted(name for name in names if name.endswith(end) and name not in left_out and _NAME.fullmatch(name))


def too_old(names: Iterable[str], now: float) -> list[str]:
    """Those whose data no destination takes any more.

    :param names: of batches
    :param now: UNIX seconds
    """
    since = _start_of(now - limits.MAX_AGE_SECONDS)
    return [name for name in names if name < since]


def beyond(files: Sequence[File], max_bytes: int) -> list[str]:
    """The oldest ones, which have to go so that the others are within the bound.

    :param files: of batches, oldest first
    """
    return [file.name for file in files[: first_beyond([file.size for file in files], len(files), max_bytes)]]


class Seen(NamedTuple):
    """What is known of a directory: whether it has to be looked through, or cannot have anything to send."""

    changed: int = 0
    """When it was changed last, by its own clock, in nanoseconds."""
    since: float = 0.0
    """When that was first seen, in seconds of a monotonic clock."""
    is_empty: bool = False
    """Whether there was nothing to send, and any later change gives the directory another time."""

    def has_nothing(self, changed: int) -> bool:
        """Whether there is nothing to send, which is known without looking.

        :param changed: when the directory was changed last
        """
        return self.is_empty and changed == self.changed

    def looked(self, changed: int, now: float, *, has_any: bool) -> Seen:
        """The directory was looked through.

        :param changed: when it had been changed last before that
        :param now: the seconds of the clock before that
        """
        since = self.since if changed == self.changed else now
        return Seen(changed, since, not has_any and now - since > SAME_TIME_SECONDS)


class _Form(NamedTuple):
    """How envelopes and items of a form become bytes, and come back."""

    name: str
    parts: Callable[[Any], list[bytes]]
    envelope: Callable[[list[bytes]], Any]
    joined: Callable[[Sequence[Any]], bytes]
    whole: Callable[[bytes], Any]
    """Joined items → what they are slices of."""


_ENCODING: Final = 'utf-8', 'surrogatepass'


def _texts(envelope: putmetricdata.Envelope) -> list[bytes]:
    return [text.encode(*_ENCODING) for text in (envelope.namespace, *(envelope.entity or ()))]


def _from_texts(parts: list[bytes]) -> putmetricdata.Envelope:
    namespace, *entity = (part.decode(*_ENCODING) for part in parts)
    return putmetricdata.Envelope(namespace, putmetricdata.Entity(*entity) if entity else None)


def _from_resource(parts: list[bytes]) -> otlp.Envelope:
    namespace, content = parts
    return otlp.Envelope(namespace.decode(*_ENCODING), content)


_FORMS: Final[dict[type, _Form]] = {
    putmetricdata.Envelope: _Form(
        putmetricdata.NAME,
        _texts,
        _from_texts,
        lambda items: ''.join(items).encode(*_ENCODING),
        lambda content: content.decode(*_ENCODING),
    ),
    otlp.Envelope: _Form(
        otlp.NAME,
        lambda envelope: [envelope.namespace.encode(*_ENCODING), envelope.content],
        _from_resource,
        b''.join,
        bytes,
    ),
}

_BY_NAME: Final = {form.name.encode('ascii'): form for form in _FORMS.values()}


def to_bytes(batch: Batch) -> bytes:
    """The content of the file of a batch."""
    form = _FORMS[type(batch.envelope)]
    parts = form.parts(batch.envelope)
    lengths = [*map(len, parts), *map(len, batch.items)]
    says = f'{form.name} {float(batch.timestamp)!r} {len(parts)} {len(batch.items)}\n'.encode('ascii')
    content = b''.join((says, pack(f'>{len(lengths)}I', *lengths), *parts, form.joined(batch.items)))
    return b'%s%d %08x\n%s' % (FIRST_LINE, len(content), crc32(content), content)


_VERSION: Final = re.compile(rb'aws-satella spool ([1-9][0-9]{0,8})\n')

_CHECK: Final = re.compile(rb'(0|[1-9][0-9]{0,11}) ([0-9a-f]{8})\n')

_CUT_CHECK: Final = re.compile(rb'([0-9]{1,12}( [0-9a-f]{0,8})?)?')

_SAYS: Final = re.compile(rb'([a-z]+) (-?[0-9.e+-]+) ([0-9]{1,2}) ([0-9]{1,9})\n')


def from_bytes(data: bytes) -> Batch | Unreadable:
    """The batch of a file, or why it is not read."""
    version = _VERSION.match(data)
    if not version:
        return Unreadable.INCOMPLETE if FIRST_LINE.startswith(data) else Unreadable.FOREIGN
    if int(version[1]) != VERSION:
        return Unreadable.NEWER
    check = _CHECK.match(data, version.end())
    if not check:
        rest = data[version.end() :]
        return Unreadable.INCOMPLETE if _CUT_CHECK.fullmatch(rest) else Unreadable.CORRUPT
    content = data[check.end() :]
    if len(content) < int(check[1]):
        return Unreadable.INCOMPLETE
    if len(content) > int(check[1]) or crc32(content) != int(check[2], 16):
        return Unreadable.CORRUPT
    try:
        return _batch(content) or Unreadable.CORRUPT
    except (ValueError, TypeError):  # what does not decode, and the wrong number of parts
        return Unreadable.CORRUPT


def _batch(content: bytes) -> Batch | None:
    """The batch of the content that follows the checksum. None where its numbers do not fit together.

    :raises ValueError: a part does not decode
    :raises TypeError: an envelope has the wrong number of parts
    """
    says = _SAYS.match(content)
    if not says or not (form := _BY_NAME.get(says[1])):
        return None
    timestamp, parts, items = float(says[2]), int(says[3]), int(says[4])
    start = says.end() + 4 * (parts + items)
    if start > len(content) or not isfinite(timestamp):
        return None
    lengths = unpack_from(f'>{parts + items}I', content, says.end())
    ends = list(accumulate(lengths[:parts], initial=start))
    whole = form.whole(content[ends[-1] :])
    places = list(accumulate(lengths[parts:], initial=0))
    if ends[-1] > len(content) or places[-1] != len(whole):
        return None
    envelope = form.envelope([content[begin:end] for begin, end in pairwise(ends)])
    # A list is made in half the time that a generator takes.
    return Batch(envelope, timestamp, tuple([whole[begin:end] for begin, end in pairwise(places)]))
