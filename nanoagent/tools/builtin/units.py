"""Units of measurement."""

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pint import UnitRegistry

MAX_UNIT_CHARS: Final = 60
SIGNIFICANT_DIGITS: Final = 12
"""Digits of a result: fewer than a float has, so that 212 degrees are not 211.99999999999991."""

# Powers of one digit alone: pint computes what it reads, and 9**9**9**9 would take it forever.
_TERM = r"[A-Za-zµμ°ΩÅ%_][A-Za-z0-9_°]*((\*\*|\^)-?[1-9]|[²³])?"
_UNIT = re.compile(rf"{_TERM}(( ?[*/·] ?| ){_TERM})*")
_WAY_OUT = "write a unit such as km, mile, kg, lb, hour, degC, degF, km/h, m^2 or square foot"


def convert_units(value: float, from_unit: str, to_unit: str) -> float:
    """Convert a quantity from one unit of measurement to another, for example 3 from mile to km.

    Args:
        value: The number that stands before the unit.
        from_unit: The unit of the value, such as km, mile, kg, lb, hour, degC, degF, km/h, m^2, square foot or MB.
        to_unit: The unit to convert to, of the same kind.

    Raises:
        ValueError: A unit is unknown, the two are not of the same kind, or a number is too large.
    """
    source, target = _checked(from_unit, "from_unit"), _checked(to_unit, "to_unit")
    result = _convert(value, source, target)
    if not math.isfinite(result):
        raise ValueError(f"value and result must be finite, got {value!r} and {result!r}: use smaller numbers")
    return float(f"{result:.{SIGNIFICANT_DIGITS}g}")


def _checked(unit: str, name: str) -> str:
    text = " ".join(unit.split())
    if len(text) > MAX_UNIT_CHARS or not _UNIT.fullmatch(text):
        raise ValueError(f"{name} must be a unit without a number, got {unit[:MAX_UNIT_CHARS]!r}: {_WAY_OUT}")
    return text.replace("·", "*")


def _convert(value: float, source: str, target: str) -> float:
    registry = _registry()
    import pint

    try:
        quantity = registry.Quantity(value, registry.parse_units(source))
        return float(quantity.to(registry.parse_units(target)).magnitude)
    except pint.UndefinedUnitError as error:
        problem = f"{error}: {_WAY_OUT}"
    except pint.DimensionalityError as error:
        problem = f"{error}: choose units of one kind; temperatures are degC, degF and K"
    except Exception as error:
        # Units that pint cannot combine fail in many ways, an assertion among them.
        problem = f"{str(error) or type(error).__name__}: {_WAY_OUT}"
    raise ValueError(f"cannot convert {value!r} from {source!r} to {target!r}: {problem}")


@cache
def _registry() -> "UnitRegistry[Any]":
    # Here, because pint takes a quarter of a second to import and to read its definitions.
    from pint import UnitRegistry

    return UnitRegistry()
