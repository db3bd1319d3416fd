"""Ends: completion 17, 18, 20; dropout 21, 22."""
from engagement import started
from intervals import DAY, open_at, shared
from quantiles import survival_median
from work import bursts


def completion(e, site, cells):
    """17 (R10)."""
    if e.in_e0:
        cells.count("17", e.course, e.dims, e.done <= site.watermark, 1)


def completion_of_starters(e, site, cells):
    """18 (R26)."""
    if started(e, site):
        cells.count("18", e.course, e.dims, e.done <= site.watermark, 1)


def time_to_complete(e, site, cells):
    """20 (R27)."""
    if not e.in_e0:
        return
    leaves = next(end for begin, end in e.intervals if begin <= e.start < end)
    censored = min(leaves, e.closes, site.watermark)
    seen = e.done <= censored
    days = site.zone.days_between(e.start, e.done if seen else censored)
    cells.gather("20", e.course, e.dims, (max(days, 0), seen))


def survival_rows(observations, kept):
    events = sum(seen for _, seen in observations)
    yield "20median", events, len(observations), survival_median(observations)


def finish(cells):
    cells.finish("20", survival_rows)


def declared_dropout(e, site, cells):
    """21 (R11)."""
    if e.in_e0:
        judged = min(site.watermark, e.closes)
        cells.count("21", e.course, e.dims, not open_at(e.intervals, judged) and not e.done <= judged, 1)


def silent(e, site, days):
    """Open, not completed, and without an action since 00:00 of day(x) - days, all at x (R28)."""
    judged = min(site.watermark, e.closes)
    if not open_at(e.intervals, judged) or e.done <= judged:
        return False
    last = e.last_action_before(judged)
    return (e.start if last is None else last) < site.zone.midnight_after(judged, -days)


def possibly_offline(e, site):
    """A burst in the 60 days before the last action (R30)."""
    last = e.last_action_before(min(site.watermark, e.closes))
    return last is not None and any(last - 60 * DAY <= time <= last for time in bursts(e))


def enough_evidence(site, judged):
    """Site coverage of the last 21 days is 95 % or more (R31)."""
    span = 21 * DAY
    return 20 * shared(site.coverage, judged - span, judged) >= 19 * span


def silent_dropout(e, site, cells):
    """22, with those possibly offline apart, and the courses for which nothing can be said."""
    if not e.in_e0:
        return
    known = enough_evidence(site, min(site.watermark, e.closes))
    cells.count("22evidence", e.course, e.dims, not known, 1)
    if not known:
        return
    quiet, offline = silent(e, site, 21), possibly_offline(e, site)
    gone = quiet and (not offline or silent(e, site, 35))
    cells.count("22", e.course, e.dims, gone, 1)
    cells.count("22offline", e.course, e.dims, quiet and not gone, 1)
