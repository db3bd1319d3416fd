"""What the figures need of a Moodle log, kept row by row. Readings (R1, R2, ...) are numbered in README.md."""
from array import array
from collections import defaultdict
from fractions import Fraction

from intervals import merge
from logfile import parse_other, to_int

NEVER = 1 << 62          # the end of what has no end

CREATED = "\\core\\event\\user_enrolment_created"
DELETED = "\\core\\event\\user_enrolment_deleted"
USER_DELETED = "\\core\\event\\user_deleted"
COMPLETED = "\\core\\event\\course_completed"
ROLE_ASSIGNED = "\\core\\event\\role_assigned"
ROLE_UNASSIGNED = "\\core\\event\\role_unassigned"
GRADED = "\\core\\event\\user_graded"
ATTEMPT_SUBMITTED = "\\mod_quiz\\event\\attempt_submitted"
NOT_ACTIONS = (COMPLETED, "\\core\\event\\course_module_completion_updated")


class Log:
    """Nothing is decided before every row has been read, because rows of parallel requests are not
    in the order of their times."""

    def __init__(self):
        self.first = None
        self.last = None
        self.rows = 0
        self.enrolment_events = []                       # (time, id, order, kind, person, course, row)
        self.touches = defaultdict(lambda: array("q"))   # (person, course) -> times of would-be actions
        self.ws_touches = defaultdict(lambda: array("q"))  # those of origin ws among them
        self.completed = {}                              # (person, course) -> first course_completed
        self.submitted = {}                              # (person, cmid) -> first submission
        self.scores = defaultdict(list)                  # (person, item) -> [(time, id, score)]
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
            if row.get("origin") == "ws":
                self.ws_touches[person, course].append(time)

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
        elif name == GRADED:
            self.graded(time, row, related)
        elif name == ATTEMPT_SUBMITTED or (name or "").endswith("\\event\\assessable_submitted"):
            if to_int(row.get("contextlevel")) == 70:                             # R24
                key = (person if related is None else related, to_int(row.get("contextinstanceid")))
                self.submitted[key] = min(time, self.submitted.get(key, NEVER))

    def graded(self, time, row, person):
        other = parse_other(row.get("other"))
        if other.get("finalgrade") in (None, ""):                                 # R25
            return
        score = Fraction(str(other["finalgrade"]))
        self.scores[person, to_int(other.get("itemid"))].append((time, to_int(row.get("id")) or 0, score))

    def enrolment_event(self, time, row, name, person, course, enrolment):
        number = to_int(row.get("id")) or 0
        self.enrolment_events.append((time, number, self.rows, name, person, course, enrolment))

    def last_score(self, person, item, until):
        """The last score at `until` or before, by (time, id); None if there is none."""
        known = [score for score in self.scores.get((person, item), ()) if score[0] <= until]
        return max(known)[2] if known else None

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
