"""How the work is done: 35, 36, 37, over the whole history (R32)."""
from intervals import DAY

BREAK = 180              # seconds: a longer gap ends a run; a run shorter than that is short
RETURN = 600


def bursts(e):
    """First instants of e's synchronisation bursts (R29)."""
    for index, time in enumerate(e.ws):
        if index + 4 < len(e.ws) and e.ws[index + 4] - time <= 60:
            before = e.last_action_before(time)
            if before is None or time - before >= DAY:
                yield time


def mobile_share(e, cells):
    cells.count("35", e.course, e.dims, len(e.ws), len(e.actions))


def synchronisation(e, cells):
    if len(e.actions):
        cells.count("36", e.course, e.dims, any(True for _ in bursts(e)), 1)


def runs(times):
    """[(first, last)] of the runs of ascending times."""
    result = []
    for time in times:
        if result and time - result[-1][1] <= BREAK:
            result[-1] = (result[-1][0], time)
        else:
            result.append((time, time))
    return result


def fragmented(e, cells):
    """37 (R33)."""
    found = runs(e.actions)
    cut_short = sum(last - first < BREAK and following[0] - last < RETURN
                    for (first, last), following in zip(found, found[1:]))
    cells.count("37", e.course, e.dims, cut_short, len(found))
