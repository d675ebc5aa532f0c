import contextlib
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nanoagent.tools.builtin.units import convert_units

UNITS = st.lists(st.sampled_from(["m", "km", "s", "degC", "dBm", "per", " ", "*", "/", "^2", "**-9", "%", "°C", "²"]))


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        (3, "mile", "km", 4.828032),
        (100, "degC", "degF", 212.0),
        (-40, "°F", "°C", -40.0),
        (5, "square meter", "cm^2", 50_000.0),
        (1, "m²", "cm**2", 10_000.0),
        (60, "miles per hour", "m/s", 26.8224),
        (2, "hours", "minutes", 120.0),
        (1, "GB", "MB", 1000.0),
        (1, " kg  m^2 / s^2 ", "J", 1.0),
    ],
)
def test_quantities_are_converted(value: float, source: str, target: str, result: float) -> None:
    assert convert_units(value, source, target) == result


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("parsec2", "km", r"'parsec2' is not defined .*: write a unit such as km"),
        ("km", "USD", r"'USD' is not defined .*: write a unit such as km"),
        ("km", "kg", r"Cannot convert from 'kilometer' .*: choose units of one kind"),
        ("C", "F", r"choose units of one kind; temperatures are degC, degF and K"),
    ],
)
def test_units_that_do_not_fit_are_answered_with_the_way_out(source: str, target: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        convert_units(1, source, target)


@pytest.mark.parametrize(
    "unit", ["", "5 km", "m**99", "m**9**9", "m^1e9", "2*m", "m//s", "m+s", "(m)", "a" * 61, "\ud800"]
)
def test_what_is_no_unit_is_never_parsed(unit: str) -> None:
    with pytest.raises(ValueError, match="from_unit must be a unit without a number, got "):
        convert_units(1, unit, "km")
    with pytest.raises(ValueError, match="to_unit must be a unit without a number, got "):
        convert_units(1, "km", unit)


@pytest.mark.parametrize(("value", "source"), [(math.nan, "km"), (math.inf, "km"), (1e308, "km")])
def test_a_number_that_is_too_large_is_refused(value: float, source: str) -> None:
    with pytest.raises(ValueError, match="value and result must be finite, got "):
        convert_units(value, source, "nm")


def test_units_that_pint_cannot_combine_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot convert 1 from 'm dBm' to 'm': "):
        convert_units(1, "m dBm", "m")


def test_an_integer_beyond_a_float_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot convert"):
        convert_units(10**400, "km", "nm")


@settings(deadline=None)
@given(st.floats(), UNITS.map("".join) | st.text(max_size=70), UNITS.map("".join))
@example(1.0, "degC*m", "K*m")
@example(1.0, "dBm", "mW")
@example(1.0, "degC^2", "K^2")
@example(0.0, "m dBm", "m")
@example(0.0, "m^-1", "m")
def test_no_input_raises_another_error(value: float, source: str, target: str) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(convert_units(value, source, target))
