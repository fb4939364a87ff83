"""What a label that somebody hostile has chosen can do in each form: be itself, be escaped, or be discarded.

The oracles are ``json.loads()``, the official classes of OTLP, and the names and labels that went in.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.examples import half
from property.otlp import parse, points, texts_of
from property.texts import blank, escaped, hostile
from satella.instrumentation.metrics import MetricData
from support.spools import NOW, Heard, file_of

from aws_satella.effects.complaints import Complaints
from aws_satella.pure import Arguments, DataPoint, Discarded, Reason
from aws_satella.pure.batches import Batch
from aws_satella.pure.bill import preview_of_items
from aws_satella.pure.plan import Encoding
from aws_satella.pure.spooled import key_of, name_of, parsed

CLASSIC, OTLP = 'cloudwatch', 'otlp'
RESOURCE = {'service.name': 'shop', 'process.pid': '7', 'telemetry.sdk.version': '3.1.0'}
HUGE = 1_000_000

Labels = dict[str, str]
Series = tuple[str, frozenset[tuple[str, str]]]

labels = st.dictionaries(hostile, hostile, max_size=4)
names_and_labels = st.lists(st.tuples(hostile, labels), min_size=1, max_size=4)
huge = pytest.mark.parametrize('character', ['x', '"', '\\', '\x1b', '\x00', '\u202e', '\ud800', '\U0001f4a9'])


def encoding_for(destination: str) -> Encoding:
    """One cycle of an exporter."""
    return Arguments('Shop', destination=destination).plan.encoding(NOW, resource=RESOURCE, since=NOW - 60)


def batch_of(destination: str, given: list[tuple[str, Labels]]) -> tuple[Batch, list[Discarded]]:
    """What is sent of gauges with these names and labels, and what is not."""
    encoding = encoding_for(destination)
    made = list(encoding.encode(DataPoint(name, 1, labels) for name, labels in given))
    items = tuple(each for each in made if not isinstance(each, Discarded))
    return Batch(encoding.envelope, NOW, items), [each for each in made if isinstance(each, Discarded)]


def expected(destination: str, name: str, labels: Labels) -> Series | set[Reason]:
    """The series that arrives, or the reasons for which none may."""
    form = escaped if destination == CLASSIC else lambda text: text.encode('utf-8', 'backslashreplace').decode()
    given = {form(label): form(value) for label, value in labels.items() if not blank(value)}
    wrong = set()
    if blank(form(name)) or len(form(name)) > 255:
        wrong.add(Reason.BAD_NAME)
    for label, value in given.items():
        is_classic = destination == CLASSIC
        if blank(label) or (is_classic and (label[0] == ':' or len(label) > 255)):
            wrong.add(Reason.BAD_DIMENSION_NAME)
        if len(value) > 1_024:
            wrong.add(Reason.BAD_DIMENSION_VALUE)
        if not is_classic and len(label.encode()) + len(value.encode()) > 39_000:
            wrong.add(Reason.LABELS_TOO_LARGE)
    return wrong or (form(name), frozenset(given.items()))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), 'a member is there twice'
    return dict(pairs)


def series_in_json(body: bytes) -> list[Series]:
    """The series of a request, in which nothing else may be."""
    request = json.loads(body.decode('ascii'), object_pairs_hook=_without_doubles)
    assert request.keys() == {'Namespace', 'MetricData'}
    assert request['Namespace'] == 'Shop'
    found = []
    for datum in request['MetricData']:
        assert datum.keys() == {'MetricName', 'Unit', 'Dimensions', 'Timestamp', 'Value'}
        assert (datum['Unit'], datum['Timestamp'], datum['Value']) == ('None', NOW, 1)
        assert all(each.keys() == {'Name', 'Value'} for each in datum['Dimensions'])
        dimensions = [(each['Name'], each['Value']) for each in datum['Dimensions']]
        assert len(dict(dimensions)) == len(dimensions)
        found.append((datum['MetricName'], frozenset(dimensions)))
    return found


def series_in_protobuf(body: bytes) -> list[Series]:
    """The same of OTLP."""
    (resource_metrics,) = parse(body).resource_metrics
    assert texts_of(resource_metrics.resource.attributes) == RESOURCE
    (scope_metrics,) = resource_metrics.scope_metrics
    assert scope_metrics.scope.name == 'aws-satella'
    found = points(body)
    assert {(each.sort, each.unit, each.point.as_double) for each in found} == {('gauge', '', 1.0)}
    return [each.series for each in found]


DECODED = {CLASSIC: series_in_json, OTLP: series_in_protobuf}


@half
@pytest.mark.parametrize('destination', [CLASSIC, OTLP])
@given(names_and_labels)
@example([('m', {'ą': 'x', '\\u0105': 'y'}), ('m', {'\ud800': 'x', '\\ud800': 'y'})])
@example([('"}],"Value":2},{"MetricName":"x', {'"},{"Name":"pid","Value":"1"},{"': '\\"}]'})])
@example([('m', {'a': '\n\x07attack', 'b' * 127: '\x12\x00' * 64, 'c': 'd' * 128})])
def test_request_has_what_went_in_and_nothing_else(destination: str, given: list[tuple[str, Labels]]) -> None:
    """Whatever text a name or a label has, the decoded request has that series with its value, unit and time, and no
    other member, or the datum alone is discarded with a reason that applies to it."""
    outcomes = [expected(destination, *each) for each in given]
    batch, discards = batch_of(destination, given)
    wrong = [each for each in outcomes if isinstance(each, set)]
    assert len(discards) == len(wrong)
    assert all(lost.reason in reasons for lost, reasons in zip(discards, wrong, strict=True))
    if batch.items:
        body = Arguments('Shop', destination=destination).plan.form.body(batch.envelope, batch.items)
        assert DECODED[destination](body) == [each for each in outcomes if not isinstance(each, set)]


@huge
@pytest.mark.parametrize('destination', [CLASSIC, OTLP])
def test_huge_label_costs_its_series_alone(destination: str, character: str) -> None:
    """A name, a label and a value of a million characters are discarded each, and what stands between them is sent."""
    text, good = character * HUGE, ('good', {'a': 'b'})
    given = [good, (text, {}), good, ('m', {text: 'v'}), good, ('m', {'l': text}), good]
    batch, discards = batch_of(destination, given)
    assert [len(batch.items), len(discards)] == [4, 3]
    assert sum(map(len, batch.items)) < 1_000


@half
@pytest.mark.parametrize('destination', [CLASSIC, OTLP])
@given(names_and_labels)
def test_spool_has_the_items_and_a_name_of_its_own(destination: str, given: list[tuple[str, Labels]]) -> None:
    """The name of a file is made of a time, numbers and a hash, so the same items under harmless names would have the
    same one. The file is the only one that is made, in the directory itself, and gives the items back to the byte."""
    batch, _ = batch_of(destination, given)
    key = key_of('Shop', destination, Arguments('Shop', destination=destination).plan.form.NAME)
    assert name_of(batch, 7, 1, key) == name_of(batch._replace(items=()), 7, 1, key)
    with tempfile.TemporaryDirectory() as outside:
        path = Path(outside) / 'spool'
        spool = Heard(path, key)
        spool.keep(batch)
        assert parsed(file_of(path).name) is not None
        assert {each.name for each in path.iterdir()} == {file_of(path).name, f'.{key}.lock'}
        assert [*Path(outside).iterdir()] == [path]
        assert spool.deliver() == [batch]


class _Lines(logging.Handler):
    """Keeps the lines that a program would print."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter('%(message)s'))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logged() -> Iterator[list[str]]:
    """What the package logs in a block."""
    logger, handler = logging.getLogger('aws_satella'), _Lines()
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel('DEBUG')
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


class _RudeError(Exception):
    """An error that says what somebody else has chosen, in its ``repr()`` as well."""

    def __repr__(self) -> str:
        return str(self)


def _raise(error: Exception) -> None:
    raise error


@given(hostile, hostile, labels)
@example('x' * HUGE, '\n' * HUGE, {})
@example('%s %d %(a)s', '{}', {})
def test_line_of_the_log_stays_a_line(name: str, text: str, labels: Mapping[str, str]) -> None:
    """A discard, an error and a destination with any texts make one line each, which is short and has no character that
    a terminal acts upon, and of a traceback the lines have none either. Labels and their values are not there."""
    complaints = Complaints()
    marked: Any = {f'{label}-label-': f'{value}-value-' for label, value in labels.items()}
    error = _RudeError(text)
    with logged() as lines:
        complaints.report([Discarded(MetricData(name, 1, marked), Reason.RAISED, error)], lambda _: None)
        complaints.say('WARNING', 'Sent %d metric data to %s, %r', 3, name, text)
        complaints.say('DEBUG', 'A request to CloudWatch failed: %s', complaints.shown(error))
        assert len(lines) == 3
        assert all(line.isprintable() and len(line) < 20_000 for line in lines)
        complaints.call(lambda _: _raise(error), None)
    traceback = lines.pop()
    assert traceback.replace('\n', '').replace('\t', '').isprintable()
    assert not [each for line in (*lines, traceback) for each in ('-label-', '-value-') if each in line]


@half
@pytest.mark.parametrize('destination', [CLASSIC, OTLP])
@given(hostile)
@example('\x1b[2J')
@example('a\nb')
def test_preview_is_a_table_whatever_names_it_has(destination: str, name: str) -> None:
    """Its text has as many lines as with a harmless name, none with a character that a terminal acts upon."""
    tables = []
    for each in (name, 'harmless'):
        batch, discards = batch_of(destination, [(each, {'a': 'b'})])
        if discards:
            return
        plan = Arguments('Shop', destination=destination).plan
        tables.append(str(preview_of_items(plan, batch.envelope, batch.items, interval=60.0)).split('\n'))
    assert all(line.isprintable() for line in tables[0])
    assert len(tables[0]) == len(tables[1])
