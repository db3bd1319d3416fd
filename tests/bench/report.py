"""JSON lines of the benches: value, the limit or peer of the same run, and their ratio (above 1 is past the limit, or ahead of the peer)."""
import json
import math
import statistics
import sys


def line(bench, metric, value, unit, limit=None, peer=None, **more):
    said = {"bench": bench, "metric": metric, "value": round(value, 4), "unit": unit}
    reference = limit if limit is not None else peer
    if limit is not None:
        said["limit"] = limit
    if peer is not None:
        said["peer"] = round(peer, 4)
    if reference:
        said["ratio"] = round(value / reference, 4)
    said.update(more)
    print(json.dumps(said), flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def percentile(values, p):
    """Nearest rank: the value at position ceil(p n) ascending."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p * len(ordered)) - 1)]


median = statistics.median
