"""Tutors: first reply 25, grading delay 26, load 31, from tables of posts, gradings and groups."""
from collections import defaultdict

from cells import ALL
from intervals import open_at
from logfile import to_int
from quantiles import nearest_rank, survival_median

SLOW = 48 * 3600


def by_key(enrolments):
    return {(e.person, e.course): e for e in enrolments}


# ---------------------------------------------------------------- 25

def first_replies(enrolments, posts, site, cells):
    """One unit for each post of a learner (R36)."""
    known = by_key(enrolments)
    discussions = defaultdict(list)
    for post in posts:
        if to_int(post["time"]) <= site.watermark:
            discussions[to_int(post["courseid"]), post["discussion"]].append(post)
    for (course, _), found in discussions.items():
        replies = sorted(to_int(post["time"]) for post in found if post["role"] == "tutor")
        for post in found:
            e = known.get((to_int(post["author"]), course))
            if post["role"] != "learner" or e is None:
                continue
            asked = to_int(post["time"])
            reply = next((time for time in replies if time > asked), None)
            age = site.watermark - asked
            waited = age if reply is None else reply - asked
            cells.gather("25", course, e.dims, (waited, reply is not None))
            if age >= SLOW:
                cells.count("25", course, e.dims, reply is not None and waited <= SLOW, 1)
                cells.count("25replied", course, e.dims, reply is not None, 1)


def reply_rows(observations, kept):
    replied = sum(seen for _, seen in observations)
    yield "25median", replied, len(observations), survival_median(observations)


# ---------------------------------------------------------------- 26

def grading_delays(enrolments, rows, site, cells):
    """One unit for each last submission before a grading (R37)."""
    known = by_key(enrolments)
    work = defaultdict(lambda: ([], []))
    for row in rows:
        key = to_int(row["person"]), to_int(row["courseid"]), to_int(row["cmid"])
        if to_int(row["time"]) <= site.watermark and key[:2] in known:
            work[key][row["kind"] == "grading"].append(to_int(row["time"]))
    for (person, course, _), (submissions, gradings) in work.items():
        dims = known[person, course].dims
        units, waiting = delays(sorted(submissions), sorted(gradings))
        for seconds in units:
            cells.count("26", course, dims, seconds, 1)
            cells.gather("26", course, dims, seconds)
        cells.count("26backlog", course, dims, waiting)


def delays(submissions, gradings):
    """([seconds of each unit], whether the last submission waits)."""
    units = []
    for index, submitted in enumerate(submissions):
        graded = next((time for time in gradings if time > submitted), None)
        if graded is None:
            return units, True
        following = submissions[index + 1] if index + 1 < len(submissions) else None
        if following is None or following >= graded:       # no later submission before that grading
            units.append(graded - submitted)
    return units, False


def delay_rows(values, kept):
    for name, percent in (("26p25", 25), ("26median", 50), ("26p75", 75)):
        yield name, "", len(values), nearest_rank(values, percent)


# ---------------------------------------------------------------- 31

def loads(enrolments, rows, site):
    """{(course, tutor): learners} (R38)."""
    learners = defaultdict(set)
    for e in enrolments:
        if open_at(e.intervals, site.watermark):
            learners[e.course].add(e.person)
    grouped = {to_int(row["courseid"]) for row in rows if row["group"]}
    tutored = defaultdict(set)               # (course, tutor) -> groups; none: in no group
    members = defaultdict(set)               # (course, group) -> learners
    for row in rows:
        course, person = to_int(row["courseid"]), to_int(row["person"])
        if row["role"] == "tutor":
            tutored[course, person].update([row["group"]] if row["group"] else [])
        elif row["role"] == "learner" and row["group"] and person in learners[course]:
            members[course, row["group"]].add(person)
    return {(course, tutor): len(set().union(*(members[course, group] for group in groups)))
            if course in grouped else len(learners[course])
            for (course, tutor), groups in tutored.items()}


def load_rows(enrolments, rows, site, cells):
    places = defaultdict(lambda: defaultdict(int))
    for (course, tutor), count in loads(enrolments, rows, site).items():
        places[course][tutor] += count
        places[ALL][tutor] += count
    for place, found in places.items():
        busy = {tutor: count for tutor, count in found.items() if count}
        for tutor, count in busy.items():
            cells.row(f"31load:{tutor}", place, ALL, count, "")
        if busy:
            cells.row("31", place, ALL, max(busy.values()), min(busy.values()))


def finish(cells):
    cells.finish("25", reply_rows)
    cells.finish("26", delay_rows)
