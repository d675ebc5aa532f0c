"""Arithmetic on an expression that a model wrote."""

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from simpleeval import InvalidExpression, SimpleEval  # type: ignore[import-untyped]

MAX_EXPRESSION_CHARS: Final = 500
MAX_BITS: Final = 10_000
"""Size of the largest integer, about 3,010 decimal digits: larger ones take time and tell a model nothing."""
MAX_FACTORIAL: Final = 1_000
MAX_ROUND_DIGITS: Final = 1_000

Number = int | float

_TOKEN = re.compile(
    r"([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[-+*/%()\[\], ]|"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>.)"
)
_PERCENT = re.compile(r"% *(of\b|$|[)*/,\]])")
_TYPOGRAPHY = str.maketrans(
    {"\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*", "\N{DIVISION SIGN}": "/", "\N{MINUS SIGN}": "-"}
)
_WAY_OUT = "write numbers, + - * / // % ** ( ) and the functions of the description, such as sqrt(2) * 3"


def calculate(expression: str) -> Number:
    """Calculate an arithmetic expression, for example `(3 + 4) * 2 ** 10 / sqrt(16)`.

    Operators: + - * / // % ** and parentheses; % is the remainder of a division, ** is the power. Functions: sqrt, abs,
    round, min, max, sum, floor, ceil, log (natural), log10, log2, sin, cos, tan (radians), exp, factorial. min, max and
    sum take numbers or a [list, of, numbers]. Constants: pi, e.

    Args:
        expression: The expression, at most 500 characters; no units, currency signs or thousands separators.

    Raises:
        ValueError: The expression is malformed or has no real result, or a number in it has more than 10,000 bits.
    """
    text = " ".join(expression.translate(_TYPOGRAPHY).split())
    if not 0 < len(text) <= MAX_EXPRESSION_CHARS:
        raise ValueError(
            f"expression must have 1 to {MAX_EXPRESSION_CHARS} characters, got {len(text)}: calculate it in parts"
        )
    _check_tokens(text)
    return _evaluate(text)


def _check_tokens(text: str) -> None:
    """Refuse what is no arithmetic before any parser sees it: names outside the list, strings, attributes."""
    if "^" in text:
        raise ValueError(f"expression must write powers as **, got {text!r}: write 2 ** 3 for 2 to the power of 3")
    if _PERCENT.search(text):
        raise ValueError(f"expression must not hold percent signs, got {text!r}: write 15% of 360 as 15 / 100 * 360")
    for token in _TOKEN.finditer(text):
        if token["other"] or (token["name"] and token["name"] not in _FUNCTIONS and token["name"] not in _CONSTANTS):
            raise ValueError(f"expression must not hold {token[0]!r}, got {text!r}: {_WAY_OUT}")


def _evaluate(text: str) -> Number:
    try:
        return _number(_evaluator().eval(text, ast.parse(text, mode="eval").body))
    except ZeroDivisionError:
        problem = "it divides by zero: check the divisor"
    except OverflowError:
        problem = "a number in it is too large: use smaller numbers, or logarithms"
    except (SyntaxError, InvalidExpression):
        problem = f"it is malformed: check signs and parentheses; {_WAY_OUT}"
    except (MemoryError, RecursionError):
        problem = "it is nested too deeply: calculate it in parts"
    except (TypeError, ValueError) as error:
        problem = f"{error}: check what its functions and powers are given"
    raise ValueError(f"expression cannot be calculated, got {text!r}: {problem}")


def _evaluator() -> Any:
    """Return a new evaluator, because one keeps the expression it works on and tools run in parallel threads."""
    evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=_CONSTANTS)
    allowed = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant)
    evaluator.nodes = {node: evaluator.nodes[node] for node in allowed}
    evaluator.nodes[ast.List] = lambda node: [_number(evaluator._eval(item)) for item in node.elts]
    return evaluator


def _number(value: Any) -> Number:
    """Return `value` when it is a real number of bounded size."""
    if not isinstance(value, int | float):
        raise TypeError(f"a part of it is no real number but a {type(value).__name__}")
    if not (value.bit_length() <= MAX_BITS if isinstance(value, int) else math.isfinite(value)):
        raise OverflowError
    return value


def _bounded(func: Callable[..., Any]) -> Callable[..., Number]:
    """Return `func` with its numbers checked on the way in and on the way out."""

    def call(*values: Any) -> Number:
        return _number(func(*map(_number, values)))

    return call


def _of_many(func: Callable[[list[Number]], Any]) -> Callable[..., Number]:
    """Return `func` of a list as a function of a list or of its items."""

    def call(*values: Any) -> Number:
        items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
        return _number(func([_number(item) for item in items]))

    return call


def _power(base: Number, exponent: Number) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and (base.bit_length() - 1) * exponent > MAX_BITS:
        raise OverflowError
    return base**exponent


def _factorial(n: Number) -> int:
    if n > MAX_FACTORIAL:
        raise OverflowError
    if n != int(n):
        raise ValueError(f"factorial takes whole numbers, got {n!r}")
    return math.factorial(int(n))


def _round(value: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > MAX_ROUND_DIGITS:
        raise ValueError(f"round takes a whole number of at most {MAX_ROUND_DIGITS} digits, got {digits!r}")
    return round(value, digits) if digits else round(value)


_CONSTANTS = {"pi": math.pi, "e": math.e}
_OPERATORS = {
    ast.Add: _bounded(operator.add),
    ast.Sub: _bounded(operator.sub),
    ast.Mult: _bounded(operator.mul),
    ast.Div: _bounded(operator.truediv),
    ast.FloorDiv: _bounded(operator.floordiv),
    ast.Mod: _bounded(operator.mod),
    ast.Pow: _bounded(_power),
    ast.USub: _bounded(operator.neg),
    ast.UAdd: _bounded(operator.pos),
}
_FUNCTIONS = {
    "sqrt": _bounded(math.sqrt),
    "abs": _bounded(abs),
    "round": _bounded(_round),
    "min": _of_many(min),
    "max": _of_many(max),
    "sum": _of_many(sum),
    "floor": _bounded(math.floor),
    "ceil": _bounded(math.ceil),
    "log": _bounded(math.log),
    "log10": _bounded(math.log10),
    "log2": _bounded(math.log2),
    "sin": _bounded(math.sin),
    "cos": _bounded(math.cos),
    "tan": _bounded(math.tan),
    "exp": _bounded(math.exp),
    "factorial": _bounded(_factorial),
}
