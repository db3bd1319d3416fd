"""Beginning and keeping on: 7 to 11."""
from bisect import bisect_left, bisect_right

from intervals import covers, meets


def started(e, site):
    """7: None if e is not in E0 or not mature, else whether it began (R8)."""
    bound = site.zone.midnight_after(e.start, 7)
    return e.acted_before(bound) if e.in_e0 and bound <= site.watermark else None


def start(e, site, cells):
    found = started(e, site)
    if found is not None:
        cells.count("7", e.course, e.dims, found, 1)


def no_show(e, site, cells):
    """8 (R21)."""
    bound = site.zone.midnight_after(e.start, 14)
    if e.in_e0 and bound <= site.watermark:
        cells.count("8", e.course, e.dims, not e.acted_before(bound), 1)


def active_weeks(e, site):
    """Indexes of the weeks in which e is active: an action in the week and in the course's dates."""
    return {bisect_right(site.week_begins, t) - 1 for t in e.actions if e.opens <= t < e.closes}


def days_by_week(e, site):
    """{index of the week: distinct local days with an action}."""
    days = {bisect_right(site.midnights, t) - 1 for t in e.actions}
    result = {}
    for day in days:
        week = bisect_right(site.week_begins, site.midnights[day]) - 1
        result[week] = result.get(week, 0) + 1
    return result


def weekly_active(e, site, cells):
    """9 (R9)."""
    active = active_weeks(e, site)
    for index, (label, begin, end) in enumerate(site.weeks):
        if meets(e.intervals, max(begin, e.opens), min(end, site.watermark, e.closes)):
            cells.count("9", e.course, e.dims, index in active, 1, week=label)


def active_days(e, site, cells):
    """10 (R22)."""
    days = days_by_week(e, site)
    for index in active_weeks(e, site):
        cells.count("10", e.course, e.dims, days[index], 1, week=site.weeks[index][0])


def regularity(e, site, cells):
    """11 (R23)."""
    active = active_weeks(e, site)
    for index in range(3, len(site.weeks)):
        label, begin, end = site.weeks[index]
        reach = min(end, site.watermark)
        if begin < reach and covers(e.intervals, site.weeks[index - 3][1], reach):
            weeks = len(active.intersection(range(index - 3, index + 1)))
            cells.count("11", e.course, e.dims, weeks >= 3, 1, week=label)
