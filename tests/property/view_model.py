"""Views as a model: group by, add. It is written without a look at how the package does it, and it is slow.

It takes the readings of a tree, with sections, and gives those that the view stage has to give, in any order. The
stages after it are the package's own, so that a comparison of items covers all destinations.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from satella.instrumentation.metrics import MetricData

from aws_satella import View
from aws_satella.pure import (
    CounterReading,
    DataPoint,
    Discarded,
    HistogramReading,
    Kind,
    NewSamples,
    Plan,
    Reason,
    SummaryReading,
    SummaryTotalReading,
)
from aws_satella.pure.points import Section
from aws_satella.pure.summaries import percentiles
from aws_satella.pure.views import view_of

Labels = frozenset[tuple[str, Any]]


def viewed(readings: Iterable[Any], views: Mapping[str, View]) -> list[Any]:
    """What the view stage makes of the readings of a tree, where nothing is bounded."""
    made: list[Any] = []
    for section, own, totals in metrics(readings):
        view = view_of(views, section.name)
        if view is None:
            made += [*own, *totals]
            continue
        series: list[tuple[Any, dict[str, str]]] = []
        for reading in own:
            if isinstance(reading, Discarded):
                made.append(reading)
                continue
            try:
                fault = fault_of(reading)
                labels = labels_of(view, reading.labels, section.inherent)
            except Exception:
                made.append(Discarded(MetricData(reading.name, None, reading.labels), Reason.RAISED))
                continue
            if fault is None:
                series.append((reading, labels))
            else:
                made.append(Discarded(MetricData(reading.name, reading.value, reading.labels), fault))
        made += [*_sums(view, series, totals, section.inherent), *totals]
    return made


COMBINE: dict[str | None, Callable[[list[Any]], Any]] = {'sum': sum, 'min': min, 'max': max}


def metrics(readings: Iterable[Any]) -> Iterator[tuple[Section, list[Any], list[Any]]]:
    """Each metric, its own readings, and the totals that satella derives."""
    found: list[tuple[Section, list[Any], list[Any]]] = []
    is_total = False
    for reading in readings:
        if not isinstance(reading, Section):
            _, own, totals = found[-1]
            (totals if is_total else own).append(reading)
            continue
        is_total = reading.is_total
        if not is_total:
            found.append((reading, [], []))
    return iter(found)


def fault_of(reading: Any) -> Reason | None:
    """What is wrong with a number, if anything. The trees of the tests record no larger ones."""
    if not isinstance(reading, (CounterReading, DataPoint)):
        return None
    value: Any = reading.value
    if isinstance(value, (str, bytes)) or value is None:
        return Reason.NOT_A_NUMBER
    return None if math.isfinite(value) else Reason.NOT_FINITE


def labels_of(view: View, labels: Mapping[str, object], inherent: tuple[str, ...] = ()) -> dict[str, str]:
    """Labels as a view makes them: keep and drop, then map, then rename."""
    kept: dict[str, str] = {}
    for name, value in labels.items():
        stays = (view.keep is None or name in view.keep) and name not in view.drop and name not in inherent
        if not stays or not str(value).strip():
            continue
        each: Any = view.map.get(name)
        new = value
        if callable(each):
            new = each(value)
        elif each is not None:
            new = each.get(value, each.get(str(value), value))
        if new is not None and str(new).strip():
            kept[name] = str(new)
    renamed = {name: value for name, value in kept.items() if name not in view.rename}
    renamed.update({view.rename[name]: value for name, value in kept.items() if name in view.rename})
    return renamed


def _sums(view: View, series: list[Any], totals: list[Any], inherent: tuple[str, ...]) -> Iterator[Any]:
    """Each series once: those that are kept, and the roll-ups, unless satella says the same."""

    def key(reading: Any, labels: Mapping[str, str]) -> Any:
        left = {name: reading.labels[name] for name in inherent if name in reading.labels}
        return reading.name, frozenset(labels.items()), frozenset(left.items())

    kept: defaultdict[Any, list[Any]] = defaultdict(list)
    rolled: dict[Any, list[Any]] = defaultdict(list)
    for reading, labels in series:
        kept[key(reading, labels)].append(reading)
        for rollup in view.rollups:
            if set(rollup) <= set(labels):
                rolled.setdefault(key(reading, {name: labels[name] for name in rollup}), []).append(reading)
    said = {(total.name, _names(total.labels, inherent)) for total in totals}
    rolled = {each: members for each, members in rolled.items() if not _is_said(each, said, totals)}
    families = {(name, _names(dict(labels))) for name, labels, _ in kept}
    is_level = any(isinstance(reading, DataPoint) for reading, _ in series)
    won = families if is_level and view.combine is None else set()
    of_rollups = {(name, _names(dict(labels))) for name, labels, _ in rolled} - won
    for (name, labels, left), members in kept.items():
        family = name, _names(dict(labels))
        counted = family in said
        if family not in of_rollups and (not counted or isinstance(members[0], SummaryReading)):
            yield from _sum(members, dict(labels), dict(left), view.combine, counted=counted)
    for (name, labels, left), members in rolled.items():
        if (name, _names(dict(labels))) not in won:
            if is_level and view.combine is None and len(members) > 1:
                yield Discarded(MetricData(name, None, {**dict(left), **dict(labels)}), Reason.NOT_ADDITIVE)
            else:
                yield from _sum(members, dict(labels), dict(left), view.combine)


def _names(labels: Mapping[str, Any], inherent: tuple[str, ...] = ()) -> frozenset[str]:
    return frozenset(name for name, value in labels.items() if name not in inherent and str(value).strip())


def _is_said(series: Any, said: set[Any], totals: list[Any]) -> bool:
    name, labels, _ = series
    names = _names(dict(labels))
    whole = {total.name for total in totals if isinstance(total, SummaryTotalReading)}
    return any((total, names) in said for total in (name, f'{name}.sum', f'{name}.total')) or (
        name in whole and (name, names) in said
    )


def _sum(
    members: list[Any], labels: dict[str, str], left: dict[str, Any], combine: str | None, *, counted: bool = False
) -> Iterator[Any]:
    """The readings of one series."""
    first = members[0]
    given = {**left, **{name: labels[name] for name in sorted(labels)}}
    if isinstance(first, CounterReading):
        yield first._replace(labels=given, value=sum(each.value for each in members))
    elif isinstance(first, HistogramReading):
        counts = [sum(column) for column in zip(*(each.counts for each in members), strict=True)]
        total = None if any(each.sum is None for each in members) else 0.0
        for each in members if total is not None and len(members) > 1 else ():
            total += each.sum
        yield first._replace(
            labels=given,
            total_labels=given,
            counts=counts,
            sum=first.sum if len(members) == 1 else total,
            observations=sum(each.observations for each in members),
        )
    elif isinstance(first, NewSamples):
        samples: Counter[float] = Counter()
        for each in members:
            samples.update(each.samples)
        yield first._replace(
            labels=given,
            samples=samples,
            observations=sum(each.observations for each in members),
            sum=sum(each.sum for each in members),
            complete=all(each.complete for each in members),
        )
    elif isinstance(first, SummaryReading):
        yield from _summary(members, given, combine, counted=counted)
    elif len(members) == 1:
        yield first._replace(labels=given)
    elif combine is None:
        yield from (_not_additive(each, each.value) for each in members)
    else:
        values = [each.value for each in members]
        yield first._replace(labels=given, value=COMBINE[combine](values))


def _summary(members: list[Any], given: dict[str, Any], combine: str | None, *, counted: bool) -> Iterator[Any]:
    first = members[0]
    if len(members) > 1 and combine is None:
        yield from (_not_additive(each, None) for each in members)
    else:
        windows = [dict(percentiles(each.window, each.quantiles)) for each in members]
        for quantile in first.quantiles:
            value = COMBINE[combine or 'sum']([each[quantile] for each in windows])
            value = value if len(members) > 1 else windows[0][quantile]
            yield DataPoint(first.name, value, {'quantile': quantile, **given}, Kind.QUANTILE)
    if first.observations is not None and not counted:
        yield DataPoint(f'{first.name}.count', sum(each.observations for each in members), given, Kind.COUNTER)
        yield DataPoint(f'{first.name}.sum', sum(each.sum for each in members), given, Kind.COUNTER)


def _not_additive(reading: Any, value: object) -> Discarded:
    return Discarded(MetricData(reading.name, value, reading.labels), Reason.NOT_ADDITIVE)


def points_in(request: Any) -> Iterator[Any]:
    """The lists of data points of a request of OTLP."""
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                yield getattr(metric, metric.WhichOneof('data')).data_points


def comparable(plan: Plan, items: Iterable[Any]) -> Counter[Any]:
    """Items and discards as a multiset. The order of labels and of values does not matter, and of a discard, the error
    and the source do not."""
    envelope = plan.encoding(1e9).envelope
    found: Counter[Any] = Counter()
    for each in items:
        if isinstance(each, Discarded):
            labels = frozenset((each.data.labels or {}).items())
            found[each.data.name, repr(each.data.value), labels, each.reason] += 1
        elif isinstance(each, str):
            datum = json.loads(each)
            datum['Dimensions'].sort(key=lambda dimension: dimension['Name'])
            if 'Values' in datum:
                datum['Values'] = sorted(zip(datum['Values'], datum.pop('Counts'), strict=True))
            found[json.dumps(datum, sort_keys=True)] += 1
        else:
            request = ExportMetricsServiceRequest.FromString(plan.form.body(envelope, [each]))
            for point in points_in(request):
                for attributes in (one.attributes for one in point):
                    attributes.sort(key=lambda attribute: attribute.key)
            found[request.SerializeToString(deterministic=True)] += 1
    return found


# --- strategies


def fussy(value: object) -> str:
    """A callable that takes no 'b'."""
    if value == 'b':
        raise ValueError(value)
    return f'{value}'[:1] + 'x'


def nothing(value: object) -> object:
    """A callable that leaves some values out."""
    return None if value == 'a' else value


NAMES = ('url', 'code', 'shop', 'host', 'zone', 'address')
"""Labels of the trees."""

maps: st.SearchStrategy[Any] = st.sampled_from(
    (fussy, nothing, str, {'a': 'same', 'b': 'same', '1': 'one'}, {1: ' ', 'c d': None})
)
some_names = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)


@st.composite  # type: ignore[arg-type]  # keywords without names of their own
def views_of_trees(draw: st.DrawFn, **bounds: Any) -> View:
    """A view of metrics whose labels are those of the trees."""
    keep = draw(st.one_of(st.none(), some_names))
    drop = draw(st.one_of(st.just([]), some_names))
    stay = [name for name in NAMES if (keep is None or name in keep) and name not in drop]
    each = st.sampled_from(stay) if stay else st.nothing()
    renamed = draw(st.lists(each, max_size=2, unique=True)) if stay else []
    new = draw(st.permutations(('path', 'url', 'code')))
    rename = dict(zip(renamed, new, strict=False))
    names = [rename.get(name, name) for name in stay]
    rollup = st.lists(st.sampled_from(names), max_size=2, unique=True) if names else st.just([])
    mapped: dict[str, Any] = draw(st.dictionaries(each, maps, max_size=2)) if stay else {}
    return View(
        keep=keep,
        drop=drop,
        map={name: each for name, each in mapped.items() if name not in rename.values()},  # it may never be asked
        rename=rename,
        rollups=draw(st.lists(rollup, max_size=3)),
        combine=draw(st.sampled_from((None, None, 'sum', 'min', 'max'))),
        **bounds,
    )


some_views = st.dictionaries(st.sampled_from(('*', 'a*', '*.x', 'web.*', 'requests')), views_of_trees(), max_size=2)
