"""The rooms of the package, and which of them import which others.

What may live here: the rooms, their imports, and where they are in the picture. A test compares the imports with those
of the modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from pictures.svg import arrow, box, line, picture, small, text


class Room(NamedTuple):
    """A part of the package, or a library that it uses."""

    title: str
    inside: str
    """What is in it, in a few words."""
    directories: Sequence[str]
    """Where its modules are; for a library, the names of its packages."""
    x: int
    y: int
    outside: bool = False


ROOMS: Final[Mapping[str, Room]] = {
    'names': Room('aws_satella, contrib', 'the public names', ('', 'contrib'), 270, 16),
    'django': Room('effects/django', 'middleware, checks', ('effects/django',), 20, 120),
    'effects': Room('effects', 'thread, processes, exits', ('effects',), 270, 120),
    'destinations': Room('effects/destinations', 'send a body', ('effects/destinations',), 520, 120),
    'pure': Room('pure', 'stages, outbox, decisions', ('pure',), 270, 250),
    'formats': Room('pure/formats', 'items, bodies, replies', ('pure/formats',), 520, 250),
    'Django': Room('Django', '', ('django', 'asgiref'), 20, 250, outside=True),
    'satella': Room('satella', '', ('satella',), 270, 374, outside=True),
    'boto3': Room('boto3', '', ('boto3', 'botocore'), 520, 16, outside=True),
}

WIDTH, HEIGHT = 190, 54

Way = Sequence[tuple[int, int]]

IMPORTS: Final[Mapping[tuple[str, str], Way]] = {
    ('names', 'django'): ((270, 56), (130, 120)),
    ('names', 'effects'): ((350, 70), (350, 120)),
    ('names', 'destinations'): ((460, 60), (540, 120)),
    ('names', 'pure'): ((460, 66), (478, 110), (478, 240), (460, 254)),
    ('django', 'effects'): ((210, 147), (270, 147)),
    ('django', 'pure'): ((180, 174), (270, 256)),
    ('django', 'Django'): ((90, 174), (90, 250)),
    ('effects', 'destinations'): ((460, 138), (520, 138)),
    ('destinations', 'effects'): ((520, 156), (460, 156)),
    ('effects', 'pure'): ((350, 174), (350, 250)),
    ('effects', 'formats'): ((440, 174), (530, 250)),
    ('effects', 'satella'): ((290, 174), (238, 236), (238, 340), (278, 374)),
    ('destinations', 'pure'): ((536, 174), (440, 250)),
    ('destinations', 'formats'): ((630, 174), (630, 250)),
    ('destinations', 'boto3'): ((630, 120), (630, 70)),
    ('pure', 'formats'): ((460, 272), (520, 272)),
    ('formats', 'pure'): ((520, 290), (460, 290)),
    ('pure', 'satella'): ((350, 304), (350, 374)),
    ('formats', 'satella'): ((580, 304), (460, 382)),
}
"""Room → a room that modules of it import, with the way of the arrow in the picture."""


def house() -> str:
    """The rooms, and an arrow from each to those that it imports."""
    elements = [
        box(8, 104, 716, 86, stroke_dasharray='4 4', opacity=0.5),
        small(716, 100, 'effects: acts', anchor='end'),
        box(258, 236, 466, 82, stroke_dasharray='4 4', opacity=0.5),
        small(716, 332, 'pure: decides', anchor='end'),
    ]
    for room in ROOMS.values():
        middle = room.x + WIDTH / 2
        look = {'stroke_dasharray': '2 3'} if room.outside else {'stroke_width': 1.6}
        elements += [
            box(room.x, room.y, WIDTH, HEIGHT, **look),
            text(middle, room.y + (24 if room.inside else 32), room.title, size=14, anchor='middle'),
            small(middle, room.y + 42, room.inside, anchor='middle'),
        ]
    for way in IMPORTS.values():
        *first, last_but_one, last = way
        points = [*first, last_but_one]
        elements += [line(*start, *end, opacity=0.8) for start, end in pairwise(points)]
        elements.append(arrow(*last_but_one, *last, opacity=0.8))
    label = 'Which parts import which: ' + ', '.join(f'{ROOMS[a].title} imports {ROOMS[b].title}' for a, b in IMPORTS)
    return picture(732, 440, label, *elements)
