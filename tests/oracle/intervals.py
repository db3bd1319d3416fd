"""Arithmetic of intervals [begin, end) of whole seconds, in ascending lists."""
DAY = 86400              # breaks are elapsed time, not calendar days (R5)


def merge(parts):
    """Union of the methods' intervals, then breaks under 24 h closed."""
    merged = []
    for begin, end in sorted(parts):
        if merged and begin - merged[-1][1] < DAY:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def open_at(intervals, instant):
    return any(begin <= instant < end for begin, end in intervals)


def meets(intervals, begin, end):
    """Some interval has an instant in [begin, end)."""
    return any(max(a, begin) < min(b, end) for a, b in intervals)


def covers(intervals, begin, end):
    """One interval holds the whole of [begin, end)."""
    return any(a <= begin and end <= b for a, b in intervals)


def shared(intervals, begin, end):
    """How many seconds of [begin, end) lie in the intervals, which do not overlap."""
    return sum(max(0, min(b, end) - max(a, begin)) for a, b in intervals)
