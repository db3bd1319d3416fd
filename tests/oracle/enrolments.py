"""The e = (person, course) of a log, and what every figure asks about one."""
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import timedelta

from eventlog import NEVER
from intervals import open_at
from logfile import to_int
from people import NOBODY, People


@dataclass
class Site:
    """What is the same for every e. `until`, if given, moves T back (R17)."""
    zone: object
    first: int                       # begin of the coverage
    watermark: int                   # T
    coverage: list = None            # [from, to) intervals
    countries: tuple = ()            # the programme's list (6)
    k: int = 5
    weeks: list = field(init=False)
    week_begins: list = field(init=False)
    midnights: list = field(init=False)

    def __post_init__(self):
        self.coverage = self.coverage or [(self.first, self.watermark)]
        self.weeks = self.zone.weeks(self.first, self.watermark)
        self.week_begins = [begin for _, begin, _ in self.weeks]
        self.midnights = self.zone.midnights(self.first, self.watermark)


@dataclass
class Enrolment:
    person: int
    course: int
    intervals: list
    dims: tuple = NOBODY             # sex, age, country
    opens: int = -NEVER              # course start 00:00, or from ever (R9)
    closes: int = NEVER              # end(c)
    start: int = 0                   # start(e)
    in_e0: bool = False
    actions: array = ()              # times before T, ascending
    ws: array = ()                   # those of origin ws
    done: int = NEVER                # first course_completed <= T

    def acted_before(self, instant):
        return len(self.actions) > 0 and self.actions[0] < instant

    def last_action_before(self, instant):
        at = bisect_left(self.actions, instant)
        return self.actions[at - 1] if at else None


def population(log, site, people=(), courses=(), mapping=None, learner_roles=(5,)):
    """Every learner's e of the log. Who is no learner enters no figure (R2)."""
    zone, watermark = site.zone, site.watermark
    known = people if isinstance(people, People) else People(people, mapping or {}, zone)
    dates = {to_int(c["id"]): (zone.date_of(c.get("startdate")), zone.date_of(c.get("enddate")))
             for c in courses}
    result = []
    for (person, course), intervals in log.intervals().items():
        if log.has_roles and not any((person, course, role) in log.roles for role in learner_roles):
            continue
        first_day, last_day = dates.get(course, (None, None))
        e = Enrolment(person, course, intervals)
        if first_day:
            e.opens = zone.midnight(first_day)
        if last_day:
            e.closes = zone.midnight(last_day + timedelta(days=1))
        e.start = max(e.opens, intervals[0][0])
        e.dims = known.dimensions(person, e.start)
        e.in_e0 = e.start <= watermark and open_at(intervals, e.start)           # R6

        def inside(times):
            return array("q", sorted(t for t in times if t < watermark and open_at(intervals, t)))
        e.actions = inside(log.touches.get((person, course), ()))
        e.ws = inside(log.ws_touches.get((person, course), ()))
        done = log.completed.get((person, course), NEVER)
        e.done = done if done <= watermark else NEVER
        result.append(e)
    return result
