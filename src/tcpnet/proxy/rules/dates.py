"""HTTP dates: the three formats of RFC 9110 §5.6.7 and nothing else, as UTC seconds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH_NUMBERS: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

_DAY: Final = "(?:mon|tue|wed|thu|fri|sat|sun)"
_LONG_DAY: Final = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH: Final = f"(?P<month>{'|'.join(_MONTH_NUMBERS)})"
_CLOCK: Final = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMATS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",
        f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",
    )
)
_LONGEST: Final = len("Wednesday, 06-Nov-94 08:49:37 GMT")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def http_date(text: str, now: float) -> float | None:
    """Read a date as UTC seconds; None for what is not one of the three formats.

    `now` settles the century of a year in two digits: at most 50 years ahead.
    """
    if len(text) > _LONGEST:
        return None
    # Only the format with hyphens has a year in two digits.
    return _read(text, datetime.fromtimestamp(now, UTC).year if "-" in text else 0)


def http_date_text(at: float) -> str:
    """Write UTC seconds as an IMF-fixdate, rounded down."""
    then = _EPOCH + timedelta(seconds=int(at))  # Windows' own clock ends with the year 3000
    day, month = _DAYS[then.weekday()], _MONTHS[then.month - 1]
    return f"{day}, {then.day:02} {month} {then.year:04} {then:%H:%M:%S} GMT"


# All answers of a second have one date, and those of one site a few more.
@lru_cache(maxsize=256)
def _read(text: str, this_year: int) -> float | None:
    for pattern in _FORMATS:
        if found := pattern.fullmatch(text):
            return _seconds(found.groupdict(), this_year)
    return None


def _seconds(parts: dict[str, str], this_year: int) -> float | None:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year = _with_century(year, this_year)
    try:
        minute = datetime(
            year,
            _MONTH_NUMBERS[parts["month"].lower()],
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    second = int(parts["second"])
    # 60 is a leap second, which the grammar allows and datetime does not.
    return minute.timestamp() + second if second <= 60 else None


def _with_century(year: int, this_year: int) -> int:
    full = this_year - this_year % 100 + year
    if full > this_year + 50:
        return full - 100
    return full + 100 if full < this_year - 49 else full
