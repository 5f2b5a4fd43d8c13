"""Formulas over numbers, as OpenAI's multi grader has them: + - * / ^, parentheses, numbers, names and FUNCTIONS.

Knows nothing of graders, and runs nothing: a formula is a tree that is walked.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LONGEST = 500
"""Characters."""

BINARY: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: math.pow,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil, "exp": math.exp, "sqrt": math.sqrt,
    "log": math.log,
}  # fmt: skip


class NoFormula(Exception):
    """A text that is not a formula, or one with names that nobody knows."""


class NoValue(Exception):
    """A formula that has no value for these numbers: it divides by nothing, or takes the root of less."""


def check(formula: str, names: Iterable[str]) -> None:
    """NoFormula for one that cannot be computed from these names."""
    try:
        value(formula, dict.fromkeys(names, 0.5))
    except NoValue:
        pass  # for these numbers


def value(formula: str, names: Mapping[str, float]) -> float:
    """Raises NoFormula or NoValue."""
    if len(formula) > LONGEST:
        raise NoFormula(f"longer than {LONGEST} characters")
    try:
        return _value(ast.parse(formula.strip().replace("^", "**"), mode="eval").body, names)
    except (SyntaxError, TypeError, RecursionError) as error:
        raise NoFormula(str(error)) from error
    except (ArithmeticError, ValueError) as error:
        raise NoValue(str(error)) from error


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, names)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in BINARY:
            return BINARY[type(sign)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]) if name in FUNCTIONS and inner:
            return float(FUNCTIONS[name](*(_value(one, names) for one in inner)))
    raise NoFormula(f"{ast.unparse(node)[:60]} is not part of a formula")
