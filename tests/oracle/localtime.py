"""Local days and ISO weeks of one IANA time zone."""
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo


class Zone:
    def __init__(self, name):
        self.zone = ZoneInfo(name)

    def day(self, instant):
        return datetime.fromtimestamp(instant, self.zone).date()

    def midnight(self, day):
        """00:00 local. fold=0: the first of two midnights; in a gap, the end of the gap (R1)."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return int(local.astimezone(timezone.utc).timestamp())

    def midnight_after(self, instant, days):
        """00:00 of the local day of `instant` moved by that many calendar days."""
        return self.midnight(self.day(instant) + timedelta(days=days))

    def days_between(self, instant, later):
        return (self.day(later) - self.day(instant)).days

    def weeks(self, first, last):
        """[(label, begin, end)] of the ISO weeks from the one holding `first` to that of `last`."""
        monday = self.day(first)
        monday -= timedelta(days=monday.weekday())
        result = []
        while self.midnight(monday) <= last:
            year, week, _ = monday.isocalendar()
            following = monday + timedelta(days=7)
            result.append((f"{year:04d}-W{week:02d}", self.midnight(monday), self.midnight(following)))
            monday = following
        return result

    def midnights(self, first, last):
        """00:00 of every local day from that of `first` to that of `last`."""
        day, result = self.day(first), []
        while self.midnight(day) <= last:
            result.append(self.midnight(day))
            day += timedelta(days=1)
        return result

    def end_of_week(self, label):
        """The instant an ISO week ends, from a label such as 2013-W20."""
        year, week = label.split("-W")
        return self.midnight(date.fromisocalendar(int(year), int(week), 1) + timedelta(days=7))

    def date_of(self, text):
        """A date cell: YYYY-MM-DD, or Moodle's Unix seconds (0 or empty: no date) (R12)."""
        text = (text or "").strip()
        if text in ("", "0"):
            return None
        return self.day(int(text)) if text.isdigit() else date.fromisoformat(text)

    def due(self, text):
        """The last instant that is on time: Unix seconds as they are, a date to its 23:59:59; None if none."""
        text = (text or "").strip()
        if text in ("", "0"):
            return None
        return int(text) if text.isdigit() else self.midnight(date.fromisoformat(text) + timedelta(days=1)) - 1
