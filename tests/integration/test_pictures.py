"""The pictures are true: the code that draws them gives what is in the manual, and each of them is shown."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import aws_satella

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # behind what is installed, so that only the pictures are found there

from pictures import __main__ as command
from pictures import numbers
from pictures.drawings import DRAWINGS
from pictures.house import IMPORTS, ROOMS
from pictures.plots import PLOTS

PICTURES = ROOT / 'docs' / 'pictures'

RESULTS: dict[str, Any] = {
    'lines': [
        {'what': f'gunicorn gthread, p99 of a request, {rest}', 'ours': [0.002, 0.003], 'control': [0.001, 0.002]}
        for rest in ('20 a request', '1,000 a request')
    ],
    'shares': {
        '20 a request': {'aws-satella': 0.4, 'botocore: the rest': 0.6},
        '1,000 a request': {'aws-satella': 1.0},
    },
    'curves': {
        'cpu': {
            '2.4': [[100, 0.1], [200, 0.4]],
            '3.0.0': [[100, 0.01]],
            'this version, 1,000 a request': [[100, 0.001]],
        },
        'seconds': {'20 a request': [[100, 0.2]], '1,000 a request': [[100, 0.1]]},
    },
}
"""What `make bench` writes, as far as the plots look at it."""


@pytest.mark.parametrize('name', DRAWINGS)
def test_drawings_are_those_of_the_code(name: str) -> None:
    """A drawing in the manual is what `make pictures` draws now."""
    assert (PICTURES / f'{name}.svg').read_text() == DRAWINGS[name]()


def test_numbers_of_the_drawings_are_those_of_the_package() -> None:
    """A parent and its child send what was recorded, an outage loses nothing, and deltas add up to the total."""
    assert numbers.sent_after_a_fork(3, 1, child=False) + numbers.sent_after_a_fork(3, 2, child=True) == 3 + 1 + 2
    history = numbers.exports(6, {2, 3, 4})
    assert [export.buffered for export in history] == [0, 5, 10, 15, 0, 0]
    assert sum(export.sent for export in history) == 6 * 5
    assert numbers.counted([3, 5], [6]) == ([3, 8, 6], [3, 5, 6])
    example = numbers.bucketed()
    assert sum(example.spread.values()) == len(example.observed) == sum(example.counts)
    assert sum(value * number for value, number in example.spread.items()) == pytest.approx(sum(example.observed))


def test_bill_is_that_of_the_page_about_cost() -> None:
    """The bars have the three bills that the page computes."""
    page = (ROOT / 'docs' / 'cost.md').read_text()
    for name, bill in numbers.bills().items():
        assert re.search(rf'(together|{name.split(",")[0]}) +{bill.cost:,.2f} USD', page)


def test_plots_are_drawn_from_the_results_of_a_benchmark(tmp_path: Path) -> None:
    """`python -m pictures --plots` draws each plot, and leaves out those that were not measured."""
    command.plot(RESULTS, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(PLOTS)
    for path in tmp_path.iterdir():
        ElementTree.parse(path)
        path.unlink()
    command.plot({**RESULTS, 'curves': {}}, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {'bench-parts', 'bench-latency'}


PACKAGE = Path(next(iter(aws_satella.__path__)))

ROOM_OF = {directory: name for name, room in ROOMS.items() for directory in room.directories}
"""Directory of the package, or package of a library → the room that it is in."""


def imported(path: Path) -> Iterator[str]:
    """The rooms that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            modules = [f'{node.module}.{alias.name}' for alias in node.names]
        else:
            modules = []
        for library, *parts in (module.split('.') for module in modules):
            if library == 'aws_satella':
                folders = ['/'.join(parts[:length]) for length in range(len(parts), -1, -1)]
                yield next(ROOM_OF[folder] for folder in folders if folder in ROOM_OF)
            elif library in ROOM_OF:
                yield ROOM_OF[library]


def test_house_is_drawn_as_it_is() -> None:
    """Each directory is in a room, and the arrows between the rooms are the imports of the modules in them."""
    found = set()
    for path in PACKAGE.rglob('*.py'):
        directory = path.parent.relative_to(PACKAGE).as_posix()
        room = ROOM_OF['' if directory == '.' else directory]
        found |= {(room, other) for other in imported(path) if other != room}

    assert found == set(IMPORTS)


def test_pictures_are_all_shown() -> None:
    """Each picture is well-formed, and stands on a page or in the README; none is missing."""
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    shown = {found for page in pages for found in re.findall(r'pictures/([\w-]+)\.svg', page.read_text())}
    assert shown == {path.stem for path in PICTURES.iterdir()}
    for path in PICTURES.iterdir():
        ElementTree.parse(path)
