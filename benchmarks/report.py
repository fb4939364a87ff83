"""The table on the terminal, and what stands below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.lines import Line, Samples, best, quartiles, summary


def show(
    console: Console,
    about: Mapping[str, str],
    lines: Sequence[Line],
    options: Mapping[str, Samples],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    """Print everything."""
    console.print(_table(lines, about))
    if shares:
        console.print(_shares(shares), _options(options))
    broken = [line for line in lines if not line.holds]
    for line in broken:
        text = f'row {line.row}, {line.what}: {line.result_text}, must be {line.bound}'
        console.print(f'[bold red]Does not hold:[/] {text}')
    if not broken:
        console.print('All that must hold does.')


def _table(lines: Sequence[Line], about: Mapping[str, str]) -> Table:
    caption = (
        'CPU time (rows 1-3, 6-8), bytes (4), wall time (5): least / median / greatest. The result compares the least '
        'samples, in row 5 the medians; below it are the quartiles of the results of single rounds.'
    )
    table = Table(title=', '.join(f'{name} {value}' for name, value in about.items()), caption=caption)
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


def _shares(shares: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title='Where the CPU time of a cycle goes (8,000 labelled counters)')
    table.add_column('')
    parts = list(dict.fromkeys(part for of_one in shares.values() for part in of_one))
    for name in shares:
        table.add_column(name, justify='right')
    for part in parts:
        table.add_row(part, *(f'{of_one.get(part, 0):.1%}' for of_one in shares.values()))
    return table


def _options(options: Mapping[str, Samples]) -> Table:
    table = Table(title='What a user can do about it (the same cycle)')
    table.add_column('arguments')
    table.add_column('CPU time', justify='right')
    table.add_column('of the default', justify='right')
    default = best(next(iter(options.values())))
    for name, samples in options.items():
        table.add_row(name, summary(samples, 'seconds'), f'{best(samples) / default:.2f}')
    return table
