"""12, from the tables of activities and of completions (R34)."""
from collections import defaultdict

from eventlog import NEVER
from logfile import to_int


def required_and_open(activities, instant):
    """{course: {cmid}} at that instant."""
    by_course = defaultdict(list)
    for row in activities:
        by_course[to_int(row["courseid"])].append({name: to_int(row.get(name)) for name in (
            "cmid", "criterion", "tracking", "visible", "from", "until")})
    result = {}
    for course, rows in by_course.items():
        required = [row for row in rows if row["criterion"]] or [row for row in rows if row["tracking"] and row["visible"]]
        result[course] = {row["cmid"] for row in required
                          if row["visible"] and (row["from"] or 0) <= instant < (row["until"] or NEVER)}
    return result


def done_at(completions, instant):
    """{(person, cmid)} whose last state is done, with or without a pass."""
    states = {}
    rows = [row for row in completions if to_int(row["time"]) <= instant]
    for row in sorted(rows, key=lambda row: to_int(row["time"])):          # stable: the table's order at ties
        states[to_int(row["person"]), to_int(row["cmid"])] = to_int(row["state"])
    return {key for key, state in states.items() if state in (1, 2)}


def progression(enrolments, activities, completions, site, cells):
    required = required_and_open(activities, site.watermark)
    done = done_at(completions, site.watermark)
    for e in enrolments:
        if e.in_e0:
            asked = required.get(e.course, ())
            cells.count("12", e.course, e.dims, sum((e.person, cmid) in done for cmid in asked), len(asked))
