import contextlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoagent.tools.builtin.dates import DateTools

TOOLS = DateTools(lambda: datetime(2026, 3, 9, 23, 30, tzinfo=UTC))


def test_today_is_the_injected_clocks_day_in_its_own_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert TOOLS.today() == "2026-03-09"
    assert DateTools(lambda: datetime(2026, 3, 9, 23, 30, tzinfo=UTC).astimezone(tokyo)).today() == "2026-03-10"


def test_days_between_has_a_sign() -> None:
    assert TOOLS.days_between("2024-02-28", "2024-03-01") == 2
    assert TOOLS.days_between("2024-03-01", "2024-02-28") == -2
    assert TOOLS.days_between(" 2024-03-01 ", "2024-03-01") == 0


def test_days_are_added_over_months_and_leap_years() -> None:
    assert TOOLS.add_days("2024-02-28", 2) == "2024-03-01"
    assert TOOLS.add_days("2026-01-01", -1) == "2025-12-31"


def test_weekdays_have_english_names() -> None:
    days = [TOOLS.weekday(f"2026-03-{day:02}") for day in range(9, 16)]
    assert days == ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@given(st.dates(), st.dates())
def test_adding_the_days_between_two_dates_leads_from_one_to_the_other(start: date, end: date) -> None:
    days = TOOLS.days_between(start.isoformat(), end.isoformat())
    assert TOOLS.add_days(start.isoformat(), days) == end.isoformat()


@pytest.mark.parametrize("text", ["", "9 March 2026", "2026-02-30", "2026-03-09T10:00", "03/09/2026", "\ud800"])
def test_what_is_no_date_is_answered_with_the_form(text: str) -> None:
    for use in (TOOLS.weekday, lambda day: TOOLS.add_days(day, 1), lambda day: TOOLS.days_between("2026-01-01", day)):
        with pytest.raises(ValueError, match=r"a date must exist and be written YYYY-MM-DD, got .*: write 2026-03-09"):
            use(text)


@given(st.text(max_size=60))
def test_a_text_raises_nothing_but_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert TOOLS.weekday(text).endswith("day")


@pytest.mark.parametrize("days", [10**7, -(10**7), 10**12, -(10**30)])
def test_a_date_beyond_the_calendar_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="the result must lie in the years 1 to 9999"):
        TOOLS.add_days("2026-03-09", days)
