"""Cells of a table of figures: counted at the finest cut, then added up to every cut that is asked for."""
import csv
import io
from collections import defaultdict

ALL = "*"
HEADER = ["indicator", "course", "week", "sex", "age", "country", "numerator", "denominator"]

# Which of sex, age and country a cut keeps.
NONE, EACH, PAIRS, TOGETHER = [()], [(0,), (1,), (2,)], [(0, 1), (0, 2), (1, 2)], [(0, 1, 2)]
FIRST_CUTS = NONE + EACH + TOGETHER
ALL_CUTS = NONE + EACH + PAIRS + TOGETHER

COUNTS = ("2", "2open", "26backlog")         # no denominator


class Cells:
    """`with_site` adds the rows of course `*`: all courses together."""

    def __init__(self, cuts, with_site):
        self.cuts = cuts
        self.with_site = with_site
        self.sums = defaultdict(lambda: [0, 0])
        self.lists = defaultdict(list)
        self.finishers = {}                  # indicator -> function making rows of a list
        self.plain = []                      # rows that no cut applies to

    def count(self, indicator, course, dims, numerator, denominator=0, week=ALL):
        cell = self.sums[indicator, str(course), week, dims]
        cell[0] += numerator
        cell[1] += denominator

    def gather(self, indicator, course, dims, value):
        """Keeps a value for the indicator's finisher, which sees all values of a cell at once."""
        self.lists[indicator, str(course), ALL, dims].append(value)

    def finish(self, indicator, finisher):
        """`finisher(values, kept)` gives (indicator, numerator, denominator, value) rows of a cell cut by `kept`."""
        self.finishers[indicator] = finisher

    def row(self, indicator, course, week, numerator, denominator, value=""):
        self.plain.append([indicator, str(course), week, ALL, ALL, ALL, numerator, denominator, value])

    def spread(self, key):
        """The keys, with their cut, of every cell that the finest cell `key` is part of."""
        indicator, course, week, dims = key
        for place in ((course, ALL) if self.with_site else (course,)):
            for kept in self.cuts:
                yield kept, (indicator, place, week) + tuple(
                    dims[i] if i in kept else ALL for i in range(3))

    def table(self):
        """Rows of nine columns in the order of their keys as text."""
        sums, lists = defaultdict(lambda: [0, 0]), defaultdict(list)
        for key, (numerator, denominator) in self.sums.items():
            for _, cut in self.spread(key):
                cell = sums[cut]
                cell[0] += numerator
                cell[1] += denominator
        for key, values in self.lists.items():
            for kept, cut in self.spread(key):
                lists[cut, kept].extend(values)

        result = list(self.plain)
        for key, (numerator, denominator) in sums.items():
            if key[0] in COUNTS:
                if numerator:
                    result.append(list(key) + [numerator, "", ""])
            elif denominator:
                result.append(list(key) + [numerator, denominator, ""])
        for (key, kept), values in lists.items():
            for indicator, numerator, denominator, value in self.finishers[key[0]](values, kept):
                result.append([indicator, *key[1:], numerator, denominator, value])
        return sorted(result, key=lambda row: row[:6])


def to_csv(table, header=HEADER):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(table)
    return text.getvalue()
