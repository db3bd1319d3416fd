"""Hand-made logs for the oracle's own tests."""
import unittest
from datetime import datetime, timezone

from eventlog import COMPLETED, CREATED, DELETED, GRADED, Log
from indicators import compute, compute_all
from localtime import Zone

LONDON = "Europe/London"
COURSE = [{"id": "10", "startdate": "2013-03-25", "enddate": "2013-04-30"}]   # a Monday, BST from 31 March


def at(text):
    """Seconds of a UTC time written "2013-03-31 23:30" or "… 23:30:01"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


def event(when, name, person, related=None, course=10, **more):
    """`when`: a UTC time as text, or seconds."""
    row = {"eventname": name, "userid": person, "relateduserid": related, "courseid": course,
           "objectid": None, "edulevel": 0, "anonymous": 0, "contextlevel": 50, "other": None,
           "timecreated": at(when) if isinstance(when, str) else when, "origin": "web", "realuserid": None}
    row.update(more)
    return row


def enrol(when, person, row=None, **more):
    return event(when, CREATED, 2, person, objectid=row or person, **more)


def unenrol(when, person, row=None, **more):
    return event(when, DELETED, 2, person, objectid=row or person, **more)


def view(when, person, **more):
    return event(when, "\\core\\event\\course_viewed", person, edulevel=2, **more)


def views(begin, person, *seconds, **more):
    """One view at each number of seconds after `begin`."""
    return [view(at(begin) + second, person, **more) for second in seconds]


def complete(when, person, related=None):
    return event(when, COMPLETED, person, related, edulevel=2)


def submit(when, person, cmid, name="\\mod_assign\\event\\assessable_submitted", **more):
    return event(when, name, person, **{"edulevel": 2, "contextlevel": 70, "contextinstanceid": cmid, **more})


def grade(when, person, item, score, **more):
    other = '{"itemid": %d, "overridden": false, "finalgrade": %s}' % (item, score)
    return event(when, GRADED, 3, person, other=other, edulevel=1, **more)


def noise(when):
    """Moves the end of coverage and nothing else."""
    return event(when, "\\core\\event\\config_log_created", 2, course=0)


class Case(unittest.TestCase):
    """Runs a log given by rows, then looks figures up."""

    def read_log(self, rows):
        self.log = Log()
        for number, row in enumerate(rows, 1):
            self.log.add({"id": number, **row})

    def run_log(self, *rows, zone=LONDON, courses=COURSE, **options):
        self.read_log(rows)
        self.table = {tuple(line[:6]): tuple(line[6:])
                      for line in compute(self.log, Zone(zone), courses=courses, **options)}

    def run_all(self, *rows, zone=LONDON, courses=COURSE, tables=None, **options):
        self.read_log(rows)
        self.table = {tuple(line[:6]): tuple(line[6:]) for line in
                      compute_all(self.log, Zone(zone), {"courses": courses, **(tables or {})}, **options)}

    def figure(self, indicator, week="*", course="10", cut=("*", "*", "*")):
        """What run_log or run_all found, without the value column if that is empty; None if there is no row."""
        found = self.table.get((indicator, course, week) + cut)
        return found[:2] if found and found[2:] == ("",) else found
