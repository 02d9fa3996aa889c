"""Belgian time as people say it, in each of the platform's languages."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
LOCALES: Final = {
    "nl": "nl_BE",
    "fr": "fr_BE",
    "de": "de",
    "en": "en_GB",
}  # as Babel names them
# Babel's own medium patterns name no weekday; the hour is written as each language does in Belgium.
_DAY: Final = {"nl": "EEEE d MMMM", "fr": "EEEE d MMMM", "de": "EEEE, d. MMMM", "en": "EEEE d MMMM"}
_HOUR: Final = {"nl": "'om' HH.mm 'uur'", "fr": "'à' HH'h'mm", "de": "'um' HH.mm 'Uhr'", "en": "'at' HH:mm"}


def moment(at: datetime, language: str, *, now: datetime) -> str:
    """As in "zondag 27 juni om 20.00 uur"; with the year when it is not this one. Both datetimes are aware."""
    local = at.astimezone(BRUSSELS)
    year = "" if local.year == now.astimezone(BRUSSELS).year else " yyyy"
    return format_datetime(local, f"{_DAY[language]}{year} {_HOUR[language]}", locale=LOCALES[language])
