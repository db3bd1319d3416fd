"""Submissions and scores: 14, 15, 16."""
from dataclasses import dataclass
from fractions import Fraction

from eventlog import NEVER
from intervals import open_at
from logfile import to_int
from quantiles import nearest_rank


@dataclass
class Assessment:
    cmid: int
    item: int
    due: int                 # the last second that is on time; None: no date, or left out of 14
    maximum: Fraction
    passing: Fraction        # None: the item has no usable maximum


def number(text):
    return Fraction((text or "0").strip() or "0")


def assessments_by_course(rows, zone, left_out=("CMA",)):
    """{course: [Assessment]} of the assessments file (R24, R25)."""
    result = {}
    for row in rows:
        maximum, passing = number(row.get("grademax")), number(row.get("gradepass"))
        usable = maximum > 0 and (row.get("itemtype") or "mod") == "mod"
        result.setdefault(to_int(row["courseid"]), []).append(Assessment(
            to_int(row.get("cmid")), to_int(row.get("itemid")),
            zone.due(row.get("due")) if row.get("type") not in left_out else None,
            maximum, (passing if passing > 0 else maximum / 2) if usable else None))
    return result


def on_time(e, log, site, assessments, cells):
    """14: pairs (e, activity) (R24)."""
    for activity in assessments:
        due = activity.due
        if due is not None and e.start <= due <= site.watermark and open_at(e.intervals, due):
            first = log.submitted.get((e.person, activity.cmid), NEVER)
            cells.count("14", e.course, e.dims, first <= due, 1)


def scores(e, log, site, assessments, cells):
    """15 and 16: pairs (e, item) with a score (R25)."""
    for item in assessments:
        score = log.last_score(e.person, item.item, site.watermark) if item.passing is not None else None
        if score is not None:
            cells.count("15", e.course, e.dims, score >= item.passing, 1)
            cells.gather("16", e.course, e.dims, thousandths(score / item.maximum * 100))


def thousandths(value):
    """To the nearest, half up."""
    return (value * 1000 + Fraction(1, 2)).__floor__()


def score_rows(values, kept):
    for name, percent in (("16p25", 25), ("16median", 50), ("16p75", 75)):
        yield name, "", len(values), nearest_rank(values, percent)


def finish(cells):
    cells.finish("16", score_rows)
