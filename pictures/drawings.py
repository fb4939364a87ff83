"""How the drawings look.

What may live here: places, sizes, colors and words. What may not: numbers of the package (`numbers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pictures import numbers
from pictures.house import house
from pictures.svg import BLUE, GREEN, ORANGE, RED, arrow, bar, box, line, picture, small, text, ticks

WIDTH: Final = 720


def forks() -> str:
    """Who sends what, where a process that exports forks."""
    before, in_parent, in_child = 3, 1, 2
    by_parent = numbers.sent_after_a_fork(before, in_parent, child=False)
    by_child = numbers.sent_after_a_fork(before, in_child, child=True)
    total = f'{by_parent + by_child} in all, as many as were recorded: {before} + {in_parent} + {in_child}'
    return picture(
        WIDTH,
        264,
        f'A parent counts {before}, forks and counts {in_parent} more; it sends {by_parent}. '
        f'Its child counts {in_child}; it sends {by_child}.',
        text(12, 74, 'the parent', size=13, fill=BLUE),
        text(12, 194, 'a child', size=13, fill=ORANGE),
        line(110, 70, 700, 70, stroke=BLUE, stroke_width=2),
        line(330, 190, 700, 190, stroke=ORANGE, stroke_width=2),
        line(330, 70, 330, 190, stroke_dasharray='4 4'),
        text(338, 135, 'fork'),
        _recording(220, 70, f'{before} orders', f'counter: {before}', 'recorded before the fork'),
        _recording(450, 70, f'{in_parent} order', f'counter: {before + in_parent}', ''),
        _recording(
            450, 190, f'{in_child} orders', f'counter: {before + in_child}', f'baseline: {before}, from the fork'
        ),
        arrow(600, 70, 600, 22),
        arrow(600, 190, 600, 142),
        text(608, 34, f'sends {by_parent}', size=13, fill=BLUE),
        text(608, 154, f'sends {by_child}', size=13, fill=ORANGE),
        text(110, 256, total, size=13),
    )


def _recording(x: float, y: float, what: str, state: str, more: str) -> str:
    return ''.join(
        (
            box(x - 4, y - 4, 8, 8, fill='currentColor', rx=4),
            text(x, y - 14, what, anchor='middle'),
            small(x, y + 22, state, anchor='middle'),
            small(x, y + 38, more, anchor='middle'),
        )
    )


def outage() -> str:
    """What is sent and what waits, export by export, while the destination fails for some of them."""
    down = range(4, 8)
    history = numbers.exports(12, down)
    left, step = 146, 46
    sent, buffered = [export.sent for export in history], [export.buffered for export in history]
    top = max(*sent, *buffered)
    return picture(
        WIDTH,
        296,
        f'While {len(down)} exports have no answer, what they have read waits in the outbox. The next one sends it.',
        box(left + (down[0] - 1) * step, 18, len(down) * step, 246, fill=RED, opacity=0.13, stroke='none'),
        text(left + (down[0] - 1 + len(down) / 2) * step, 14, 'no answer', anchor='middle', fill=RED),
        text(left - 12, 126, 'sent', anchor='end', fill=GREEN),
        _bars(left, 130, step, sent, 90 / top, GREEN),
        text(left - 12, 246, 'waits in the outbox', anchor='end', fill=ORANGE),
        _bars(left, 250, step, buffered, 90 / top, ORANGE),
        small(left - 12, 282, 'export', anchor='end'),
        *(small(left + (number + 0.5) * step, 282, str(number + 1), anchor='middle') for number in range(len(history))),
    )


def _bars(left: float, base: float, step: float, values: Sequence[int], scale: float, color: str) -> str:
    """A bar for each value, with the value on it; on a line."""
    elements = [line(left, base, left + step * len(values), base, opacity=0.4)]
    for number, value in enumerate(values):
        x = left + step * number
        elements.append(bar(x + step * 0.15, base, step * 0.7, value * scale, color))
        elements.append(
            text(x + step / 2, base - value * scale - 4, str(value) if value else '', size=11, anchor='middle')
        )
    return ''.join(elements)


def temporality() -> str:
    """What CloudWatch gets of the same counter, cumulative and delta, where the process starts anew once."""
    lives = (3, 5, 2, 0, 4), (6, 1, 3, 2)
    recorded = sum(map(sum, lives))
    cumulative, delta = numbers.counted(*lives)
    panels = (
        (40, cumulative, ORANGE, 'cumulative: the total so far', 'says nothing, since it adds up totals'),
        (390, delta, BLUE, 'delta: what is new', f'is what was recorded: {recorded} orders'),
    )
    elements: list[str] = []
    for left, values, color, title, meaning in panels:
        restart = left + 32 * len(lives[0])
        elements += [
            text(left, 18, title, size=13),
            _bars(left, 150, 32, values, 105 / max(cumulative), color),
            line(restart, 26, restart, 152, stroke_dasharray='4 4', opacity=0.6),
            small(restart + 4, 34, 'restart'),
            text(left, 190, f'Sum in CloudWatch: {sum(values)}', size=13, fill=color),
            small(left, 210, meaning),
        ]
    label = f'The sum of the cumulative values is {sum(cumulative)}, and that of the delta values is {sum(delta)}.'
    return picture(WIDTH, 222, label, *elements)


def buckets() -> str:
    """Observations, their buckets, the values that are sent in their place, and the percentiles of both."""
    example = numbers.bucketed()
    left, width, base = 30, 92, 190
    x = _axis(left, width)
    scale = 130 / max(example.counts)
    elements = [line(left, base, left + width * len(example.counts), base, opacity=0.5)]
    for number, count in enumerate(example.counts):
        place = left + width * number
        elements.append(bar(place + 2, base, width - 4, count * scale, 'currentColor', opacity=0.14))
        elements.append(text(place + 6, base - count * scale - 5, str(count), size=11))
    for number, bound in enumerate(numbers.BOUNDS):
        elements.append(text(left + width * (number + 1), base + 28, f'{1000 * bound:g} ms', size=11, anchor='middle'))
    return picture(
        WIDTH,
        270,
        f'{len(example.observed)} observations in buckets, and the values that are sent in their place.',
        *elements,
        ticks(map(x, example.observed), base - 1, base - 9, stroke_width=0.6, opacity=0.8),
        ticks(map(x, example.spread), base + 2, base + 12, stroke=BLUE, stroke_width=2),
        *(_percentile(example, percent, base, x) for percent in (50, 99)),
        text(left, 242, 'Black: the observations. A histogram keeps only how many are in each bucket (gray).'),
        text(left, 260, 'Blue: the values that are sent in their place. Number and sum are the same.', fill=BLUE),
    )


def _percentile(example: numbers.Bucketed, percent: int, base: float, x: Callable[[float], float]) -> str:
    true, estimate = example.percentiles(percent)
    middle = (x(true) + x(estimate)) / 2
    words = f'{1000 * true:.0f} ms, estimated {1000 * estimate:.0f}'
    return ''.join(
        (
            line(x(true), 40, x(true), base),
            line(x(estimate), 40, x(estimate), base, stroke=BLUE, stroke_dasharray='4 3'),
            text(middle, 18, f'p{percent}', size=13, anchor='middle'),
            text(middle, 33, words, size=11, anchor='middle'),
        )
    )


def _axis(left: float, width: float) -> Callable[[float], float]:
    """Where a value is, if each bucket is as wide as the others. The last one ends at twice its lower bound."""
    edges = [0.0, *numbers.BOUNDS, 2 * numbers.BOUNDS[-1]]

    def x(value: float) -> float:
        number = max(index for index, edge in enumerate(edges[:-1]) if edge <= value)
        part = (value - edges[number]) / (edges[number + 1] - edges[number])
        return left + width * (number + min(part, 1.0))

    return x


def bill() -> str:
    """What the site on the page about cost costs a month, in three ways."""
    bills = numbers.bills()
    left, longest = 210, 400
    scale = longest / max(found.cost for found in bills.values())
    elements = []
    for number, (name, found) in enumerate(bills.items()):
        base = 40 + 36 * number
        elements += [
            text(left - 10, base - 8, name, anchor='end'),
            bar(left, base, max(1.0, found.cost * scale), 24, (ORANGE, BLUE, GREEN)[number]),
            text(left + found.cost * scale + 8, base - 8, f'{found.cost:,.2f} USD', size=13),
        ]
    label = 'A month: ' + ', '.join(f'{name} {found.cost:,.2f} USD' for name, found in bills.items())
    return picture(WIDTH, 124, label, *elements)


DRAWINGS: Final[dict[str, Callable[[], str]]] = {
    'forks': forks,
    'outage': outage,
    'temporality': temporality,
    'buckets': buckets,
    'bill': bill,
    'house': house,
}
"""Name of the file, without its ending → what draws it."""
