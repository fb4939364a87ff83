"""Which points are sent: excluded names and the bound on all series."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import example, given
from hypothesis import strategies as st
from satella.instrumentation.metrics import MetricData

from aws_satella.pure import Arguments, DataPoint, Discarded, Reason, select
from aws_satella.pure.selection import Selector

patterns = st.lists(st.sampled_from(('a', 'a.*', '*.b', '*', '?', 'c.[bd]')), max_size=2).map(tuple)
names = st.sampled_from(('a', 'b', 'a.b', 'a.c', 'c.b', 'c.d', 'c'))


@given(st.lists(names, max_size=12), patterns, st.one_of(st.none(), st.integers(0, 8)))
@example(['a', 'b', 'a', 'c'], ('a',), None)
@example(['a', 'b', 'c'], (), 2)
def test_select_leaves_out_what_is_excluded_and_bounds_the_rest(
    names: list[str], exclude: tuple[str, ...], max_series: int | None
) -> None:
    """Excluded names are left out without a discard, those of what could not be read too; of the others, those beyond
    the bound are discarded, the last. What could not be read takes no room."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    points = [DataPoint(name, index, {'index': index}) for index, name in enumerate(names)]
    selected = list(select([lost, *points, lost], exclude, max_series))
    wanted = [point for point in points if not any(fnmatchcase(point.name, pattern) for pattern in exclude)]
    bound = len(wanted) if max_series is None else max_series
    if '*' not in exclude:
        assert selected[0] is selected[-1] is lost
        selected = selected[1:-1]
    assert selected[:bound] == wanted[:bound]
    beyond = [each for each in selected[bound:] if isinstance(each, Discarded)]
    assert [(each.data.name, each.data.value, dict(each.data.labels), each.reason) for each in beyond] == [
        (point.name, point.value, point.labels, Reason.TOO_MANY_SERIES) for point in wanted[bound:]
    ]
    assert len(selected) == len(wanted)


@given(st.lists(names, max_size=12), st.integers(0, 12), patterns, st.one_of(st.none(), st.integers(0, 8)))
@example(['a', 'b', 'a', 'c'], 2, ('a',), 1)
@example(['a', 'b', 'c'], 2, (), 2)
def test_selector_bounds_all_parts_of_a_cycle_together(
    names: list[str], first: int, exclude: tuple[str, ...], max_series: int | None
) -> None:
    """The points of a cycle that come in two parts are selected as if they came in one, also by an encoding."""
    points = [DataPoint(name, index, {'index': index}) for index, name in enumerate(names)]
    selector = Selector(exclude, max_series)
    parts = [*selector.select(points[:first]), *selector.select(points[first:])]
    assert parts == list(select(points, exclude, max_series))
    plan = Arguments('N', exclude=exclude, max_series=max_series).plan
    encoding = plan.encoding()
    items = [*encoding.encode(points[:first]), *encoding.encode(points[first:])]
    assert items == list(plan.encoding().encode(points))
