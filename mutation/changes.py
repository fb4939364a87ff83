"""The small faults: what of a syntax tree is changed, and into what.

What may live here: changes of trees. What may not: files and tests.

Annotations, docstrings, log texts, ``__slots__`` and decorators are not changed: no behavior depends on them, or each
test fails without them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {'min': 'max', 'max': 'min', 'any': 'all', 'all': 'any'}
LOGGING = {'say', 'say_once', 'Saying'}


class Change(NamedTuple):
    """One change, as it is shown."""

    line: int
    was: str
    now: str


def changed(source: str, number: int) -> str:
    """A module with one of its changes."""
    tree = ast.parse(source)
    for at, _ in enumerate(_changes(tree)):
        if at == number:
            break
    return ast.unparse(tree)


def changes(source: str) -> list[Change]:
    """All changes of a module. Their positions are their numbers."""
    return list(_changes(ast.parse(source)))


def _changes(node: ast.AST) -> Iterator[Change]:
    """Change a tree in each way in turn. It has the change until the next one is asked for."""
    for field, value in ast.iter_fields(node):
        children: list[Any] = value if isinstance(value, list) else [value]
        for position, child in enumerate(children):
            if field in ('annotation', 'returns', 'decorator_list') or _is_left_out(node, child):
                continue
            for other in _others(child):
                with_other = [*children[:position], other, *children[position + 1 :]]
                setattr(node, field, with_other if isinstance(value, list) else other)
                ast.fix_missing_locations(node)
                was, now = (ast.unparse(each).split('\n')[0] for each in (child, other))
                yield Change(getattr(child, 'lineno', getattr(node, 'lineno', 0)), was, now)
                setattr(node, field, value)
            yield from _changes(child)


def _is_left_out(parent: ast.AST, node: object) -> bool:
    match node:
        case ast.Expr(ast.Constant()) | ast.If(ast.Name('TYPE_CHECKING')) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign([ast.Name('__slots__' | '__all__' | 'message')]):
            return True
        case ast.AnnAssign(annotation=ast.Name('TypeAlias')) | ast.Call(ast.Name('TypeVar' | 'NewType' | 'cast')):
            return True
        case ast.Constant(str(text)) if isinstance(parent, ast.Call) and ' ' in text:
            return ast.unparse(parent.func).rpartition('.')[2] in LOGGING
    return not isinstance(node, ast.AST)


def _others(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901  # a table, whose keys are patterns
    """What may stand where this node stands."""
    match node:
        case ast.Compare(left, ops, right):
            for i, op in enumerate(ops):
                for kind in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], kind(), *ops[i + 1 :]], right)
        case ast.BoolOp(op, values):
            for i in range(len(values)):
                rest = [*values[:i], *values[i + 1 :]]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(str(text)):
            yield ast.Constant('XX' + text)
        case ast.Constant(bytes(data)):
            yield ast.Constant(b'XX' + data)
        case ast.If(_, body, orelse):
            yield from (ast.If(ast.Constant(value), body, orelse) for value in (True, False))
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.While(_, body, orelse):
            yield ast.While(ast.Constant(False), body, orelse)
        case ast.comprehension(target, each, ifs, is_async):
            for i in range(len(ifs)):
                yield ast.comprehension(target, each, [*ifs[:i], *ifs[i + 1 :]], is_async)
        case ast.AugAssign(target, op, value):
            yield from (ast.Pass(), ast.AugAssign(target, OPERATORS[type(op)](), value))
        case ast.Expr(ast.Call()) | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets) if all(isinstance(each, (ast.Attribute, ast.Subscript)) for each in targets):
            yield ast.Pass()
        case ast.Return(ast.AST() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Break() | ast.Continue():
            yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        case ast.Call(function, arguments, keywords):
            for i in range(len(keywords)):
                yield ast.Call(function, arguments, [*keywords[:i], *keywords[i + 1 :]])
        case ast.Name(name) if name in NAMES:
            yield ast.Name(NAMES[name])
