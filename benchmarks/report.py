"""The table on the terminal, and what stands below it. Run as a module it prints results.json for the documentation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.lines import Bound, Line, Samples, best, quartiles, summary

EXPLANATION = (
    'CPU time (rows 1-3, 6-11), bytes (4, 10, 11), wall time (5): least / median / greatest. The result compares the '
    'least samples, in row 5 the medians; below it are the quartiles of the results of single rounds.'
)


def show(
    console: Console,
    about: Mapping[str, str],
    lines: Sequence[Line],
    options: Mapping[str, Samples],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    """Print everything."""
    console.print(_table(about, lines))
    if options:
        console.print(
            _plain('Where the CPU time of a cycle goes (8,000 labelled counters)', _shares(shares)),
            _plain('What a user can do about it (the same cycle)', _options(options)),
        )
    broken = [line for line in lines if not line.holds]
    for line in broken:
        text = f'row {line.row}, {line.what}: {line.result_text}, must be {line.bound}'
        console.print(f'[bold red]Does not hold:[/] {text}')
    if not broken:
        console.print('All that must hold does.')


def _table(about: Mapping[str, str], lines: Iterable[Line]) -> Table:
    table = Table(title=', '.join(f'{name} {value}' for name, value in about.items()), caption=EXPLANATION)
    table.add_column('', justify='right')
    table.add_column('what', ratio=5)
    table.add_column('ours', ratio=3, justify='right')
    table.add_column('beside it', ratio=4)
    table.add_column('result', justify='right')
    table.add_column('must hold')
    table.add_column('')
    previous = 0
    for line in lines:
        if line.row != previous:
            table.add_section()
        spread = f'\n[dim]{quartiles(line.rounds)}[/]' if line.rounds else ''
        table.add_row(
            str(line.row) if line.row != previous else '',
            line.what,
            summary(line.ours, line.unit),
            f'{line.beside}\n{summary(line.control, line.unit)}',
            line.result_text + spread,
            str(line.bound or ''),
            '' if line.bound is None else '[green]holds[/]' if line.holds else '[bold red]BROKEN[/]',
        )
        previous = line.row
    return table


def _plain(title: str, rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    head, *body = rows
    for position, name in enumerate(head):
        table.add_column(name, justify='right' if position else 'left')
    for row in body:
        table.add_row(*row)
    return table


def _shares(shares: Mapping[str, Mapping[str, float]]) -> Iterator[Sequence[str]]:
    yield ['', *shares]
    for part in dict.fromkeys(part for of_one in shares.values() for part in of_one):
        yield [part, *(f'{of_one.get(part, 0):.1%}' for of_one in shares.values())]


def _options(options: Mapping[str, Samples]) -> Iterator[Sequence[str]]:
    yield ['arguments', 'CPU time', 'of the default']
    default = best(next(iter(options.values())))
    for name, samples in options.items():
        yield [name, summary(samples, 'seconds'), f'{best(samples) / default:.2f}']


def _lines(lines: Iterable[Line]) -> Iterator[Sequence[str]]:
    yield ['', 'what', 'ours', 'beside it', 'result', 'must hold']
    for line in lines:
        control = f'{line.beside}: {summary(line.control, line.unit)}'
        spread = f' ({quartiles(line.rounds)})' if line.rounds else ''
        must_hold = f'{line.bound}{"" if line.holds else ": broken"}' if line.bound else ''
        yield [str(line.row), line.what, summary(line.ours, line.unit), control, line.result_text + spread, must_hold]


def markdown(results: Mapping[str, Any]) -> str:
    """What the command line wrote, as the tables of the documentation."""
    lines = [Line(**{**line, 'bound': Bound(**line['bound']) if line['bound'] else None}) for line in results['lines']]
    about = ', '.join(f'{name} {value}' for name, value in results['about'].items())
    tables = [_lines(lines)]
    if results['options']:
        tables += _shares(results['shares']), _options(results['options'])
    return '\n\n'.join([about, *('\n'.join(_markdown(table)) for table in tables)])


def _markdown(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    head, *body = rows
    yield f'| {" | ".join(head)} |'
    yield '|' + '---|' * len(head)
    for row in body:
        yield f'| {" | ".join(row)} |'


if __name__ == '__main__':
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
