"""Who is enrolled: 2, 4, 6."""
from collections import Counter
from functools import partial

from intervals import meets, open_at
from people import UNKNOWN


def enrolled(e, site, cells):
    """2, and apart, open at T (R7)."""
    if meets(e.intervals, site.first, site.watermark):
        cells.count("2", e.course, e.dims, 1)
    if open_at(e.intervals, site.watermark):
        cells.count("2open", e.course, e.dims, 1)
    for label, begin, end in site.weeks:
        if meets(e.intervals, begin, min(end, site.watermark)):
            cells.count("2", e.course, e.dims, 1, week=label)


def women(e, cells):
    """4, and how much of E0 it knows (R19)."""
    if e.in_e0:
        sex = e.dims[0]
        cells.count("4", e.course, e.dims, sex == "F", sex != UNKNOWN)
        cells.count("4coverage", e.course, e.dims, sex != UNKNOWN, 1)


def countries(e, site, cells):
    """6 (R20)."""
    if meets(e.intervals, site.first, site.watermark):
        cells.gather("6", e.course, e.dims, e.dims[2])


def finish(site, cells):
    cells.finish("6", partial(country_rows, site))


def country_rows(site, found, kept):
    if 2 in kept:                                # a country cut by country says nothing
        return
    sizes = Counter(country for country in found if country != UNKNOWN)
    yield "6", sum(size >= site.k for size in sizes.values()), "", ""
    listed = [sizes[country] for country in site.countries]
    if sum(listed):
        yield "6gini", differences(listed), len(listed) * sum(listed), ""


def differences(values):
    """Sum of |a - b| over all unordered pairs."""
    return sum(abs(a - b) for i, a in enumerate(values) for b in values[:i])
