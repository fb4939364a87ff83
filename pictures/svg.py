"""Elements of SVG, as text.

What may live here: markup. What may not: what a picture shows.

A picture takes the color of the text around it, so that it can be read on a dark page, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape, quoteattr

BLUE, ORANGE, GREEN, RED = '#3a86d8', '#d9822b', '#3f9e55', '#d64b4b'
"""Colors that can be told apart, and read on white and on black."""


def element(name: str, *children: str, **attributes: object) -> str:
    """One element. An underscore in the name of an attribute is written as a hyphen."""
    written = ''.join(f' {key.replace("_", "-")}={quoteattr(_plain(value))}' for key, value in attributes.items())
    return f'<{name}{written}>{"".join(children)}</{name}>' if children else f'<{name}{written}/>'


def _plain(value: object) -> str:
    return f'{value:.2f}'.rstrip('0').rstrip('.') if isinstance(value, float) else str(value)


_HEAD_USED: Final = 'url(#arrow)'

_HEAD: Final = element(
    'marker',
    element('path', d='M0 0 L10 5 L0 10 z', fill='currentColor'),
    id='arrow',
    viewBox='0 0 10 10',
    refX=9,
    refY=5,
    markerWidth=7,
    markerHeight=7,
    orient='auto',
)
"""The head of an arrow. A page has at most one picture with arrows, so its name is unique there."""


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = 'start', **attributes: object) -> str:
    """Words on a line."""
    return element('text', escape(words), x=x, y=y, font_size=size, text_anchor=anchor, **attributes)


def small(x: float, y: float, words: str, *, anchor: str = 'start') -> str:
    """Small words, paler than others."""
    return text(x, y, words, size=11, anchor=anchor, opacity=0.75)


def box(x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """A rectangle with round corners."""
    look = {'fill': 'none', 'stroke': 'currentColor', 'rx': 5, **attributes}
    return element('rect', x=x, y=y, width=width, height=height, **look)


def bar(x: float, y: float, width: float, height: float, color: str, **attributes: object) -> str:
    """A filled rectangle that stands on ``y``."""
    return element('rect', x=x, y=y - height, width=width, height=height, fill=color, **attributes)


def line(x: float, y: float, to_x: float, to_y: float, **attributes: object) -> str:
    """A straight line."""
    return element('path', d=f'M{_plain(x)} {_plain(y)} L{_plain(to_x)} {_plain(to_y)}', **_stroke(attributes))


def ticks(xs: Iterable[float], y: float, to_y: float, **attributes: object) -> str:
    """A vertical line at each place, as one element."""
    return element('path', d=' '.join(f'M{_plain(x)} {_plain(y)} V{_plain(to_y)}' for x in xs), **_stroke(attributes))


def arrow(x: float, y: float, to_x: float, to_y: float, **attributes: object) -> str:
    """A straight line with a head."""
    return line(x, y, to_x, to_y, marker_end=_HEAD_USED, **attributes)


def _stroke(attributes: dict[str, object]) -> dict[str, object]:
    return {'fill': 'none', 'stroke': 'currentColor', 'stroke_width': 1.4, **attributes}


def picture(width: int, height: int, label: str, *elements: str) -> str:
    """A whole picture.

    :param label: what a person hears who does not see it
    """
    head = element('defs', _HEAD) if any(_HEAD_USED in each for each in elements) else ''
    return (
        element(
            'svg',
            f'\n{head}\n' if head else '\n',
            *(f'{each}\n' for each in elements),
            xmlns='http://www.w3.org/2000/svg',
            viewBox=f'0 0 {width} {height}',
            role='img',
            aria_label=label,
            style=f'width:100%;max-width:{width}px;height:auto;display:block;margin:1em auto',
            fill='currentColor',
            font_family='sans-serif',
        )
        + '\n'
    )
