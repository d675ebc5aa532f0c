"""Calendar dates."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

# Not strftime: its names change with the process's locale.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class DateTools:
    """The date tools, with the clock that says what day today is.

    Args:
        now: Returns the present moment; its time zone decides which day it is.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def today(self) -> str:
        """Tell today's date, as YYYY-MM-DD."""
        return self._now().date().isoformat()

    def days_between(self, start: str, end: str) -> int:
        """Count the days from one date to another; negative when the end is before the start.

        Args:
            start: The first date, as YYYY-MM-DD.
            end: The second date, as YYYY-MM-DD.

        Raises:
            ValueError: One of the dates is not an existing date in this form.
        """
        return (_parse(end) - _parse(start)).days

    def add_days(self, date: str, days: int) -> str:
        """Tell the date that lies a number of days after another, as YYYY-MM-DD.

        Args:
            date: The date to start from, as YYYY-MM-DD.
            days: How many days to add; negative to go back.

        Raises:
            ValueError: The date is not an existing one in this form, or the result lies outside the years 1 to 9999.
        """
        start = _parse(date)
        try:
            return (start + timedelta(days=days)).isoformat()
        except OverflowError:
            raise ValueError(
                f"the result must lie in the years 1 to 9999, got {date!r} and {days!r} days: add fewer days"
            ) from None

    def weekday(self, date: str) -> str:
        """Tell the day of the week of a date, such as Monday.

        Args:
            date: The date, as YYYY-MM-DD.

        Raises:
            ValueError: The date is not an existing one in this form.
        """
        return _WEEKDAYS[_parse(date).weekday()]


def _parse(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"a date must exist and be written YYYY-MM-DD, got {text[:40]!r}: write 2026-03-09 for 9 March 2026"
        ) from None
