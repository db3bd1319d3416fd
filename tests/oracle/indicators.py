#!/usr/bin/env python3
"""Test oracle: indicators 2, 7, 9, 17 and 21 from a Moodle log, by the definitions alone.

It shares no code with the product, so that an error has to be made twice to go unseen.
Where a definition leaves room, the choice is numbered in README.md ("Readings", R1, R2, ...)
and the code names the number. Standard library only.
"""
import argparse
import csv
import gzip
import io
import json
import sys
from array import array
from bisect import bisect_right
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

NEVER = 1 << 62          # the end of what has no end
DAY = 86400              # breaks are elapsed time, not calendar days (R5)
UNKNOWN = "inconnu"
ALL = "*"
HEADER = ["indicator", "course", "week", "sex", "age", "country", "numerator", "denominator"]

CREATED = "\\core\\event\\user_enrolment_created"
DELETED = "\\core\\event\\user_enrolment_deleted"
USER_DELETED = "\\core\\event\\user_deleted"
COMPLETED = "\\core\\event\\course_completed"
ROLE_ASSIGNED = "\\core\\event\\role_assigned"
ROLE_UNASSIGNED = "\\core\\event\\role_unassigned"
NOT_ACTIONS = (COMPLETED, "\\core\\event\\course_module_completion_updated")


# ---------------------------------------------------------------- reading

def to_int(value):
    """An id or a number as int; None for null. Moodle exports give 5, "5", "", NULL or \\N."""
    if value is None or isinstance(value, int):
        return value
    text = str(value).strip()
    if text in ("", "NULL", "null", "\\N"):
        return None
    return int(text)


def php_value(data, at):
    """One PHP-serialised value at data[at:]; returns (value, position after it).

    Lengths of strings are in bytes, hence bytes here.
    """
    kind = data[at:at + 1]
    if kind == b"N":
        return None, at + 2
    if kind in (b"i", b"b", b"d"):
        end = data.index(b";", at)
        text = data[at + 2:end].decode()
        return (float(text) if kind == b"d" else int(text)), end + 1
    if kind == b"s":
        colon = data.index(b":", at + 2)
        begin = colon + 2
        end = begin + int(data[at + 2:colon])
        return data[begin:end].decode("utf-8", "replace"), end + 2
    if kind in (b"a", b"O"):
        at += 2
        if kind == b"O":                     # O:8:"stdClass":2:{...}: skip the class
            colon = data.index(b":", at)
            at = colon + 1 + int(data[at:colon]) + 3
        colon = data.index(b":", at)
        count = int(data[at:colon])
        at = colon + 2
        result = {}
        for _ in range(count):
            key, at = php_value(data, at)
            result[str(key)], at = php_value(data, at)
        return result, at + 1
    raise ValueError("not a PHP-serialised value")


def parse_other(value):
    """The `other` column as a dict, whichever way it was written; {} if empty or unreadable."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or value == "":
        return {}
    try:
        parsed = json.loads(value)
    except ValueError:
        try:
            parsed = php_value(value.encode("utf-8"), 0)[0]
        except (ValueError, IndexError):
            return {}
    return parsed if isinstance(parsed, dict) else {}


def lines_of(path, note):
    """Lines of a plain or gzip file; a gzip stream cut short gives the lines it still holds."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        try:
            yield from text
        except EOFError:
            note("gzip stream cut short")


def read_rows(path, note):
    """Log rows as dicts. A truncated last line is reported and ignored; a bad line too."""
    lines = lines_of(path, note)
    first = next(lines, "")
    if first.lstrip().startswith("{"):
        yield from read_json(first, lines, note)
    else:
        yield from read_csv(first, lines, note)


def read_json(first, lines, note):
    bad = None                               # a bad line is "the last" only if none follows
    line = first
    while line != "":
        if line.strip():
            if bad:
                note("unreadable line")
            bad = None
            try:
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row
                else:
                    bad = line
            except ValueError:
                bad = line
        line = next(lines, "")
    if bad:
        note("truncated last line")


def read_csv(first, lines, note):
    csv.field_size_limit(1 << 30)            # a restored page's `other` may be long
    header = next(csv.reader([first]))
    bad = False
    for fields in csv.reader(lines):
        if bad:
            note("unreadable line")
        bad = len(fields) not in (0, len(header))
        if fields and not bad:
            yield dict(zip(header, fields))
    if bad:
        note("truncated last line")


def read_table(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- the log

class Log:
    """What the figures need from a log; nothing is decided before every row has been read,
    because rows of parallel requests are not in the order of their times."""

    def __init__(self):
        self.first = None
        self.last = None
        self.rows = 0
        self.enrolment_events = []                       # (time, id, order, kind, person, course, row)
        self.touches = defaultdict(lambda: array("q"))   # (person, course) -> times of would-be actions
        self.completed = {}                              # (person, course) -> first course_completed
        self.has_roles = False
        self.roles = set()                               # (person, course, role)
        self.notes = defaultdict(int)                    # what was met and left out

    def note(self, what):
        self.notes[what] += 1

    def add(self, row):
        try:
            self.add_readable(row)
        except ValueError:
            self.note("row with a field that is not a number")

    def add_readable(self, row):
        time = to_int(row.get("timecreated"))
        if time is None:
            self.note("row without a time")
            return
        name = row.get("eventname")
        person = to_int(row.get("userid"))
        course = to_int(row.get("courseid"))
        related = to_int(row.get("relateduserid"))
        self.rows += 1
        self.first = time if self.first is None else min(self.first, time)
        self.last = time if self.last is None else max(self.last, time)

        if (to_int(row.get("edulevel")) == 2 and to_int(row.get("anonymous")) == 0
                and to_int(row.get("realuserid")) in (None, person)
                and row.get("origin") != "restore" and name not in NOT_ACTIONS):
            self.touches[person, course].append(time)

        if name == COMPLETED:
            who = person if related is None else related
            self.completed[who, course] = min(time, self.completed.get((who, course), NEVER))
        elif name in (CREATED, DELETED):
            # objectid is the user_enrolments id, which tells two methods apart (R3)
            enrolment = to_int(row.get("objectid"))
            if name == DELETED:
                snapshot = parse_other(row.get("other")).get("userenrolment")
                if isinstance(snapshot, dict) and snapshot.get("id") is not None:
                    enrolment = to_int(snapshot["id"])
            self.enrolment_event(time, row, name, related, course, enrolment)
        elif name == USER_DELETED:
            gone = to_int(row.get("objectid")) if related is None else related
            self.enrolment_event(time, row, name, gone, None, None)
        elif name in (ROLE_ASSIGNED, ROLE_UNASSIGNED):
            self.has_roles = True
            if name == ROLE_ASSIGNED and to_int(row.get("contextlevel")) == 50:   # R2
                self.roles.add((related, course, to_int(row.get("objectid"))))

    def enrolment_event(self, time, row, name, person, course, enrolment):
        number = to_int(row.get("id")) or 0
        self.enrolment_events.append((time, number, self.rows, name, person, course, enrolment))

    def intervals(self):
        """{(person, course): [(begin, end), ...]}: merged, ascending, [begin, end)."""
        found = defaultdict(list)
        opened = {}                          # (person, course, row) -> begin
        known = set()

        def close(key, time):
            begin = opened.pop(key)
            if begin < time:                 # [a, a) holds no instant (R4)
                found[key[:2]].append((begin, time))

        for time, _, _, name, person, course, row in sorted(
                self.enrolment_events, key=lambda event: event[:3]):
            key = (person, course, row)
            if name == CREATED:
                known.add(key)
                opened.setdefault(key, time)
            elif name == DELETED:
                if key in opened:
                    close(key, time)
                elif key not in known:
                    self.note("enrolment deletion without a creation")
            else:
                for other in [k for k in opened if k[0] == person]:
                    close(other, time)
        for key, begin in opened.items():
            found[key[:2]].append((begin, NEVER))
        return {key: merge(parts) for key, parts in found.items()}


def merge(parts):
    """Union of the methods' intervals, then breaks under 24 h closed."""
    merged = []
    for begin, end in sorted(parts):
        if merged and begin - merged[-1][1] < DAY:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def open_at(intervals, instant):
    return any(begin <= instant < end for begin, end in intervals)


def meets(intervals, begin, end):
    """Some interval has an instant in [begin, end)."""
    return any(max(a, begin) < min(b, end) for a, b in intervals)


# ---------------------------------------------------------------- local time

class Zone:
    def __init__(self, name):
        self.zone = ZoneInfo(name)

    def day(self, instant):
        return datetime.fromtimestamp(instant, self.zone).date()

    def midnight(self, day):
        """00:00 local. fold=0: the first of two midnights; in a gap, the end of the gap (R1)."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return int(local.astimezone(timezone.utc).timestamp())

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

    def date_of(self, text):
        """A date cell: YYYY-MM-DD, or Moodle's Unix seconds (0 or empty: no date) (R12)."""
        text = (text or "").strip()
        if text in ("", "0"):
            return None
        return self.day(int(text)) if text.isdigit() else date.fromisoformat(text)


# ---------------------------------------------------------------- dimensions

def age_band(born, on):
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years < 18:
        return "<18"
    return "18-24" if years <= 24 else "25-35" if years <= 35 else ">35"


class People:
    """Sex, age band and country by person. `mapping` is {column: dimension}."""

    def __init__(self, rows, mapping, zone):
        columns = {"sex": "sex", "age_band": "age", "country": "country", "birthdate": "birthdate"}
        for column, dimension in mapping.items():
            # the site's mapping replaces the default column of that dimension
            columns = {c: d for c, d in columns.items() if d != dimension}
            columns[column] = dimension
        self.zone = zone
        self.values = {}
        for row in rows:
            self.values[to_int(row["id"])] = {
                dimension: (row.get(column) or "").strip() for column, dimension in columns.items()}

    def dimensions(self, person, start):
        known = self.values.get(person, {})
        age = known.get("age", "")
        born = self.zone.date_of(known.get("birthdate")) if not age else None
        if born:
            age = age_band(born, self.zone.day(start))
        return (known.get("sex") or UNKNOWN, age or UNKNOWN, known.get("country") or UNKNOWN)


# ---------------------------------------------------------------- figures

class Figures:
    def __init__(self):
        self.cells = defaultdict(lambda: [0, 0])

    def count(self, indicator, course, week, dims, numerator, denominator):
        sex, age, country = dims
        for cut in ((ALL, ALL, ALL), (sex, ALL, ALL), (ALL, age, ALL), (ALL, ALL, country),
                    (sex, age, country)):
            cell = self.cells[(indicator, str(course), week) + cut]
            cell[0] += numerator
            cell[1] += denominator

    def table(self):
        """Rows in the order of their keys as text; "2" and "2open" have no denominator."""
        result = []
        for key, (numerator, denominator) in sorted(self.cells.items()):
            if key[0] in ("2", "2open"):
                if numerator:
                    result.append(list(key) + [numerator, ""])
            elif denominator:
                result.append(list(key) + [numerator, denominator])
        return result


def compute(log, zone, people=(), courses=(), mapping=None, learner_roles=(5,)):
    """The table of figures of one log (a Log to which every row was added)."""
    figures = Figures()
    if log.rows == 0:
        return figures.table()
    people = People(people, mapping or {}, zone)
    dates = {to_int(c["id"]): (zone.date_of(c.get("startdate")), zone.date_of(c.get("enddate")))
             for c in courses}
    watermark = log.last + 1                 # T; a file covers [first event, last event + 1 s)
    weeks = zone.weeks(log.first, watermark)
    week_begins = [begin for _, begin, _ in weeks]

    for (person, course), intervals in log.intervals().items():
        if log.has_roles and not any((person, course, role) in log.roles for role in learner_roles):
            continue
        first_day, last_day = dates.get(course, (None, None))
        course_start = zone.midnight(first_day) if first_day else None
        course_end = zone.midnight(last_day + timedelta(days=1)) if last_day else NEVER
        start = intervals[0][0] if course_start is None else max(course_start, intervals[0][0])
        opens = -NEVER if course_start is None else course_start           # R9
        dims = people.dimensions(person, start)

        actions = [t for t in log.touches.get((person, course), ()) if open_at(intervals, t)]
        active_weeks = {bisect_right(week_begins, t) - 1 for t in actions if opens <= t < course_end}

        if meets(intervals, log.first, watermark):
            figures.count("2", course, ALL, dims, 1, 0)
        if open_at(intervals, watermark):
            figures.count("2open", course, ALL, dims, 1, 0)

        for index, (label, begin, end) in enumerate(weeks):
            reach = min(end, watermark)
            if meets(intervals, begin, reach):
                figures.count("2", course, label, dims, 1, 0)
            if meets(intervals, max(begin, opens), min(reach, course_end)):
                figures.count("9", course, label, dims, index in active_weeks, 1)

        if start > watermark or not open_at(intervals, start):             # E0 (R6)
            continue
        bound = zone.midnight(zone.day(start) + timedelta(days=7))
        if bound <= watermark:                                             # mature for 7 days
            figures.count("7", course, ALL, dims, any(t < bound for t in actions), 1)
        done = log.completed.get((person, course), NEVER)
        figures.count("17", course, ALL, dims, done <= watermark, 1)
        judged = min(watermark, course_end)
        figures.count("21", course, ALL, dims,
                      not open_at(intervals, judged) and not done <= judged, 1)
    return figures.table()


def to_csv(table):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(table)
    return text.getvalue()


def write(path, text):
    """UTF-8, LF. A .gz name is packed without name or time, so that equal figures are equal bytes."""
    data = text.encode("utf-8")
    if path is None:
        sys.stdout.buffer.write(data)
        return
    with open(path, "wb") as file:
        if path.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.write(data)
        else:
            file.write(data)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("--people")
    parser.add_argument("--courses")
    parser.add_argument("--time-zone", default="UTC")
    parser.add_argument("--map", nargs="*", action="extend", default=[], metavar="COLUMN=DIMENSION",
                        help="dimension: sex, age (a band), country or birthdate")
    parser.add_argument("--learner-role", type=int, action="append",
                        help="role id of learners; may be repeated (default 5)")
    parser.add_argument("--out")
    options = parser.parse_args(arguments)

    mapping = {}
    for pair in options.map:
        column, _, dimension = pair.partition("=")
        if dimension not in ("sex", "age", "country", "birthdate"):
            parser.error(f"--map {pair}: unknown dimension")
        mapping[column] = dimension

    log = Log()
    for row in read_rows(options.log, log.note):
        log.add(row)
    table = compute(log, Zone(options.time_zone),
                    read_table(options.people) if options.people else (),
                    read_table(options.courses) if options.courses else (),
                    mapping, tuple(options.learner_role or (5,)))
    write(options.out, to_csv(table))
    print(f"{log.rows} events, {len(table)} figures; indicator 38: non mesurable (no plugin)",
          file=sys.stderr)
    for what, times in sorted(log.notes.items()):
        print(f"left out: {what}: {times}", file=sys.stderr)


if __name__ == "__main__":
    main()
