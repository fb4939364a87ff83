"""The files of a spool: what was written is read again, and whatever else is read is recognized as something else."""

from __future__ import annotations

import math
import re
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.texts import odd

from aws_satella.pure import limits, spooled
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats import otlp, putmetricdata
from aws_satella.pure.spooled import File, Seen, Unreadable

KEY = spooled.key_of('Shop', 'cloudwatch', 'putmetricdata')
OTHER = spooled.key_of('Shop', 'otlp', 'otlp')
WRITTEN = Batch(putmetricdata.Envelope('Shop'), 1_700_000_000.25, ('{"MetricName":"a"}', '{"MetricName":"b"}'))
OTLP = Batch(otlp.Envelope('N', b'e'), 1.5, (b'ab', b'c'))

texts = st.one_of(odd, st.text(st.characters(), max_size=12), st.just('\ud83d'), st.just('\udca9'))
entities = st.builds(putmetricdata.Entity, texts, texts)
timestamps = st.floats(allow_nan=False, allow_infinity=False)
batches = st.one_of(
    st.builds(
        Batch,
        st.builds(putmetricdata.Envelope, texts, st.none() | entities),
        timestamps,
        st.lists(texts, max_size=8).map(tuple),
    ),
    st.builds(
        Batch,
        st.builds(otlp.Envelope, texts, st.binary(max_size=20)),
        timestamps,
        st.lists(st.binary(max_size=20), max_size=8).map(tuple),
    ),
)
moments = st.one_of(st.integers(0, 2_000_000_000), st.floats(0, 2e9))
names = st.builds(
    lambda timestamp, pid, number, key: str(spooled.name_of(WRITTEN._replace(timestamp=timestamp), pid, number, key)),
    moments,
    st.sampled_from((1, 9, 10, 4_194_304)),
    st.integers(0, 2**32),
    st.sampled_from((KEY, KEY, OTHER)),
)


@given(batches)
@example(WRITTEN)
@example(Batch(putmetricdata.Envelope('Shop', putmetricdata.Entity('\ud83d', '\udca9')), -0.0, ('\ud83d', '\udca9')))
@example(Batch(otlp.Envelope('', b''), 1e300, (b'', b'\n', b'\xff')))
def test_batch_that_is_written_is_read_again(batch: Batch) -> None:
    """A batch of each form comes back with its envelope, its timestamp to the last bit, and its items."""
    read = spooled.from_bytes(spooled.to_bytes(batch))
    assert isinstance(read, Batch)
    assert repr(read) == repr(batch)
    assert type(read.envelope) is type(batch.envelope)


def test_first_line_is_a_version() -> None:
    """The files of today say 1, and stay readable: the bytes of one of each form are written down here."""
    data = b'aws-satella spool 1\n84 1f7628b7\nputmetricdata 1700000000.25 1 2\n'
    data += b'\0\0\0\4\0\0\0\x12\0\0\0\x12Shop{"MetricName":"a"}{"MetricName":"b"}'
    assert spooled.to_bytes(WRITTEN) == data
    assert spooled.from_bytes(data) == WRITTEN
    of_otlp = _checked(b'otlp 1.5 2 2\n\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0\1Neabc')
    assert spooled.to_bytes(OTLP) == of_otlp
    assert spooled.from_bytes(of_otlp) == OTLP


@given(batches, st.data())
def test_file_that_was_cut_is_incomplete(batch: Batch, data: st.DataObject) -> None:
    """What a power cut left of a file, down to nothing, is recognized as a part of one."""
    written = spooled.to_bytes(batch)
    length = data.draw(st.integers(0, len(written) - 1))
    assert spooled.from_bytes(written[:length]) is Unreadable.INCOMPLETE


@pytest.mark.parametrize('length', range(len(spooled.to_bytes(WRITTEN))))
def test_file_is_incomplete_wherever_it_was_cut(length: int) -> None:
    """The same of one batch, at each of its bytes."""
    assert spooled.from_bytes(spooled.to_bytes(WRITTEN)[:length]) is Unreadable.INCOMPLETE


@given(batches, st.data())
def test_file_that_was_changed_is_no_batch(batch: Batch, data: st.DataObject) -> None:
    """A byte that is another, or one too many, is noticed wherever it is."""
    written = bytearray(spooled.to_bytes(batch))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    assert isinstance(spooled.from_bytes(bytes(written)), Unreadable)
    assert spooled.from_bytes(spooled.to_bytes(batch) + b'\0') is Unreadable.CORRUPT


def _checked(content: bytes) -> bytes:
    """A file with any content, whose length and checksum are right."""
    return b'%s%d %08x\n%s' % (spooled.FIRST_LINE, len(content), crc32(content), content)


heads = st.builds(
    '{} {} {} {}\n'.format,
    st.sampled_from(('putmetricdata', 'otlp', 'emf')),
    st.sampled_from(('1.5', '1', '-', 'e', '1e999', '-1e999', '0.0')),
    st.integers(0, 4),
    st.integers(0, 4),
).map(str.encode)
lengths = st.lists(st.sampled_from((0, 1, 2, 5, 2**31)), max_size=8).map(
    lambda numbers: b''.join(number.to_bytes(4, 'big') for number in numbers)
)


@given(
    st.one_of(
        st.binary(), st.builds(_checked, st.one_of(st.binary(), st.tuples(heads, lengths, st.binary()).map(b''.join)))
    )
)
@example(_checked(b'putmetricdata 1.5 0 0\n'))
@example(_checked(b'putmetricdata 1.5 1 0\n\0\0\0\1\xff'))
@example(_checked(b'putmetricdata 1e999 1 0\n\0\0\0\0'))
@example(_checked(b'putmetricdata 1.5 1 0\n\0\0\0\0too much'))
@example(_checked(b'otlp 1.5 3 0\n' + bytes(12)))
@example(_checked(b'emf 1.5 1 0\n' + bytes(4)))
@example(_checked(b'otlp 1.5 2 999999999\n'))
def test_file_of_any_bytes_is_a_batch_or_a_reason(data: bytes) -> None:
    """Nothing that a file may say raises an exception, even where its checksum is right. What is read as a batch is one
    that can be written, and has the right types."""
    read = spooled.from_bytes(data)
    if isinstance(read, Batch):
        assert spooled.from_bytes(spooled.to_bytes(read)) == read
        kind = str if isinstance(read.envelope, putmetricdata.Envelope) else bytes
        assert all(type(item) is kind for item in read.items)
        assert math.isfinite(read.timestamp)


@pytest.mark.parametrize(
    ('data', 'reason'),
    [
        (b'aws-satella spool 2\nwhatever comes then', 'written by a newer version of aws-satella'),
        (b'aws-satella spool 10\n', 'written by a newer version of aws-satella'),
        (b'aws-satella spool 01\n', 'not a file of a spool'),
        (b'aws-satella spool 0\n', 'not a file of a spool'),
        (b'SQLite format 3\0', 'not a file of a spool'),
        (b'', 'only half of it was written'),
        (b'aws-satella sp', 'only half of it was written'),
        (b'aws-satella spool 1\nnothing that has a length', 'corrupt'),
        (b'aws-satella spool 1\n0 00000000\n', 'corrupt'),
        (spooled.to_bytes(WRITTEN).replace(b'\n84 ', b'\n83 '), 'corrupt'),
        (_checked(b'otlp 1.5 2 0\n\0\0\0\1\0\0\0\2Ne'), 'corrupt'),
        (_checked(b'otlp 1.5 2 1\n\0\0\0\1\0\0\0\1\0\0\0\1Neab'), 'corrupt'),
    ],
)
def test_file_that_is_not_read_has_a_reason(data: bytes, reason: str) -> None:
    """A file of a newer version is told from one that is no file of a spool, and both from a broken one."""
    assert spooled.from_bytes(data) is Unreadable(reason)


@given(timestamps, st.integers(1, 2**31), st.integers(0, 10**10 - 1), st.sampled_from((KEY, OTHER)))
def test_name_says_what_it_was_made_of(timestamp: float, pid: int, number: int, key: str) -> None:
    """It has the time, the process, the number and the key, whatever the clock said, and no character that a shell or a
    file system takes for something else."""
    name = spooled.name_of(WRITTEN._replace(timestamp=timestamp), pid, number, key)
    assert spooled.parsed(str(name)) == name
    assert (name.pid, name.number, name.key) == (pid, number, key)
    if 0 <= timestamp <= 9e10:
        assert 0 <= timestamp - name.microseconds / 1e6 < 2e-5
    assert re.fullmatch(r'[0-9a-z][0-9a-z.-]{0,99}', str(name))


@pytest.mark.parametrize(
    ('timestamp', 'start'),
    [
        (-1.0, '00000000000000000'),
        (WRITTEN.timestamp, '01700000000250000'),
        (9e10, '90000000000000000'),
        (1e300, '90000000000000000'),
    ],
)
def test_name_stays_what_it_is(timestamp: float, start: str) -> None:
    """A later version knows which files are batches, and which is the oldest. A time beyond the year 4821 has no
    room."""
    name = spooled.name_of(WRITTEN._replace(timestamp=timestamp), 7, 12, KEY)
    assert str(name) == f'{start}-0000000007-0000000012-44a8bf70741b87f1.batch'


@given(st.one_of(st.text(), st.builds('{}{}'.format, names, st.text(min_size=1)), st.builds('.{}'.format, names)))
@example(str(spooled.name_of(WRITTEN, 1, 1, KEY)) + '\n')
@example(str(spooled.name_of(WRITTEN, 1, 1, KEY)).replace('1', '\u0661'))
@example('.lock')
def test_other_names_say_nothing(name: str) -> None:
    """What is not exactly such a name is not that of a batch."""
    assert spooled.parsed(name) is None
    assert spooled.queue([name], KEY) == []


@given(st.lists(texts, min_size=6, max_size=6))
@example(['a', 'b', 'c', "a', 'b", 'c', ''])
@example(['a', 'b', 'c', 'b', 'a', 'c'])
def test_keys_differ(parts: list[str]) -> None:
    """Two keys are the same where namespace, destination and form are."""
    first, second = parts[:3], parts[3:]
    assert (spooled.key_of(*first) == spooled.key_of(*second)) is (first == second)
    assert re.fullmatch('[0-9a-f]{16}', spooled.key_of(*first))


def test_key_stays_what_it_is() -> None:
    """A later version, in another process, finds what this one left."""
    assert KEY == '44a8bf70741b87f1'


@given(st.lists(names, unique=True), st.data())
def test_oldest_of_this_key_goes_next(listing: list[str], data: st.DataObject) -> None:
    """The queue has the files of one key, the oldest first, then by process and number; without those that are not
    read, and without what is no batch."""
    unreadable = data.draw(st.lists(st.sampled_from(listing), unique=True)) if listing else []
    others = ['.lock', 'README', *(f'.{name}' for name in listing)]
    said = [spooled.parsed(name) for name in listing if name not in unreadable]
    expected = sorted(name for name in said if name and name.key == KEY)
    shuffled = data.draw(st.permutations([*listing, *others]))
    assert spooled.queue(shuffled, KEY, unreadable) == [str(name) for name in expected]


@given(st.lists(names, unique=True), moments)
def test_data_that_no_destination_takes_are_too_old(listing: list[str], now: float) -> None:
    """Data go where they are older than two weeks, to the second."""
    old = spooled.too_old(listing, now)
    for name in listing:
        said = spooled.parsed(name)
        assert said
        age = now - said.microseconds / 1e6
        if abs(age - limits.MAX_AGE_SECONDS) > 1e-3:
            assert (name in old) is (age > limits.MAX_AGE_SECONDS)


def test_data_of_two_weeks_ago_are_not_too_old() -> None:
    """What was read just two weeks ago is still sent, and what was read before that is not."""
    now = WRITTEN.timestamp + 14 * 24 * 60 * 60
    name = str(spooled.name_of(WRITTEN, 1, 1, KEY))
    assert spooled.too_old([name], now) == []
    assert spooled.too_old([name], now + 0.001) == [name]


@given(st.lists(st.integers(0, 50)), st.integers(0, 200))
def test_oldest_go_where_there_is_too_much(sizes: list[int], most: int) -> None:
    """What is left is within the bound, and is all of the youngest files that fit; a file alone may be too large."""
    files = [File(str(number), size) for number, size in enumerate(sizes)]
    gone = spooled.beyond(files, most)
    assert gone == [file.name for file in files[: len(gone)]]
    assert sum(sizes[len(gone) :]) <= most
    assert not gone or sum(sizes[len(gone) - 1 :]) > most


@pytest.mark.parametrize(
    ('name', 'age', 'is_left_behind'),
    [
        ('.{}', 3_600.1, True),
        ('.{}', 3_600, False),
        ('.{}', -1, False),
        ('{}', 10**9, False),
        ('x{}', 10**9, False),
        ('..{}', 10**9, False),
        ('.{}.swp', 10**9, False),
        ('.lock', 10**9, False),
    ],
)
def test_file_that_was_left_behind_is_told_from_all_else(name: str, age: float, is_left_behind: bool) -> None:
    """Only an unfinished file of this key counts as left behind, and only when no writer takes that long."""
    final = spooled.name_of(WRITTEN, 7, 1, KEY)
    assert spooled.hidden(final) == f'.{final}'
    assert spooled.left_behind(name.format(final), KEY, age) == (final if is_left_behind else None)
    assert spooled.left_behind(name.format(final), OTHER, age) is None


class Directory:
    """A directory with a clock that is exact to some seconds, and somebody who looks whether there is a file in it."""

    def __init__(self, exact: float) -> None:
        self.now, self.exact = 1_000.0, exact
        self.has_file = False
        self.seen = Seen()
        self.change()

    def change(self) -> None:
        self.changed = int(self.now // self.exact * self.exact * 1e9)

    def put(self) -> None:
        self.has_file = True
        self.change()

    def take(self) -> None:
        self.has_file = False
        self.change()

    def look(self) -> bool:
        """Look as a cycle does, and say whether the directory was looked through."""
        if self.seen.has_nothing(self.changed):
            assert not self.has_file
            return False
        self.seen = self.seen.looked(self.changed, self.now, has_any=self.has_file)
        return True


steps = st.lists(st.sampled_from(('look', 'look', 'put', 'take', 0.3, 1.0, 1.9, 2.6)), max_size=30)


@given(st.sampled_from((0.001, 1.0, 2.0, 2.0)), steps)
@example(2.0, ['look', 1.9, 'look', 'put', 'look'])
@example(2.0, ['put', 'look', 2.6, 'look', 'look'])
@example(2.0, [1.9, 'put', 'look', 2.6, 'look', 'take', 'look', 2.6, 'look', 'put', 'look'])
def test_file_is_never_overlooked(exact: float, steps: list[str | float]) -> None:
    """A directory that is not looked through has no file, even where one came without changing its time. Where none
    comes, it is not looked through from the third cycle on."""
    directory = Directory(exact)
    for step in steps:
        if isinstance(step, float):
            directory.now += step
        else:
            getattr(directory, step)()
    directory.take()
    looked = []
    for _ in range(4):
        directory.now += 300
        looked.append(directory.look())
    assert looked[2:] == [False, False]


@pytest.mark.parametrize(('seconds', 'is_known'), [(2.5, False), (2.6, True)])
def test_directory_is_known_to_be_empty_soon(seconds: float, is_known: bool) -> None:
    """Two looks more than 2.5 seconds apart are enough: by then any file would have given the directory another
    time."""
    seen = Seen().looked(7, 100.0, has_any=False).looked(7, 100.0 + seconds, has_any=False)
    assert seen.has_nothing(7) is is_known
    assert not seen.has_nothing(8)
    assert not Seen().has_nothing(0)
