"""24, from the table of feedback answers (R35)."""
from functools import partial

from eventlog import NEVER
from logfile import to_int
from people import NOBODY

SCALES = {"cmp_sat": range(1, 6), "cmp_nps": range(0, 11)}


def whole(text):
    try:
        return int((text or "").strip())
    except ValueError:
        return None


def satisfaction(enrolments, answers, site, cells):
    dims = {(e.person, e.course): e.dims for e in enrolments}
    for e in enrolments:
        if e.done != NEVER:
            cells.gather("24", e.course, e.dims, ("completed", 1))
    answered = set()
    for row in answers:
        label, value = row["label"], whole(row["value"])
        if to_int(row["time"]) > site.watermark or value not in SCALES.get(label, ()):
            continue
        course = to_int(row["courseid"])
        who = dims.get((to_int(row["person"]), course), NOBODY)
        cells.gather("24", course, who, (label, value))
        if (course, row["response"]) not in answered:
            answered.add((course, row["response"]))
            cells.gather("24", course, who, ("response", 1))


def rows(k, facts, kept):
    def of(kind):
        return [value for what, value in facts if what == kind]
    responses, completed = len(of("response")), len(of("completed"))
    if not completed:
        return
    yield "24response", responses, completed, ""
    if responses * 100 < completed * 30:
        return
    satisfied, recommends = of("cmp_sat"), of("cmp_nps")
    if satisfied and len(satisfied) >= k:
        yield "24", sum(value >= 4 for value in satisfied), len(satisfied), ""
    if recommends and len(recommends) >= k:
        balance = sum(value >= 9 for value in recommends) - sum(value <= 6 for value in recommends)
        yield "24nps", balance, len(recommends), ""


def finish(site, cells):
    cells.finish("24", partial(rows, site.k))
