"""[path] simulated Moodle -> moodle -> RabbitMQ -> analytics on PostgreSQL, each module in its own process with mTLS, all on this machine.

Prints committed facts per second over a backlog, and the share of processor time each part took.
"""
import os
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
import report  # noqa: E402
import suite  # noqa: E402

GOAL = 10_000  # events a second


def processor_seconds():
    """Processor time so far of every process of this machine by pid, with its parent and name; ended children count with their parent."""
    tick = os.sysconf("SC_CLK_TCK")
    seen = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        seen[int(path.parent.name)] = (name, int(rest[1]), sum(map(int, rest[11:15])) / tick)
    return seen


def by_part(before, after, parts):
    """Seconds between two looks, by the part whose process tree a process belongs to."""
    used = {name: 0.0 for name in parts}
    roots = {pid: name for name, pid in parts.items()}
    for pid, (_, parent, seconds) in after.items():
        walk = pid
        while walk not in roots and walk in after and after[walk][1] > 1:
            walk = after[walk][1]
        if walk in roots:
            used[roots[walk]] += seconds - before.get(pid, ("", 0, 0.0))[2]
    return used


def measure(folder, backlog):
    double = suite.Double(folder / "moodle", learners=200, weeks=8, backlog=backlog)
    one = suite.Suite("distributed", folder / "suite")
    try:
        double.control("pause")
        wanted = double.control("state")["sites"][0]["rows"]
        one.start()
        count = "SELECT coalesce(sum(events), 0) FROM analytics.stream"
        parts = {"simulated Moodle": double.process.pid, "moodle": one.processes["moodle"].pid, "analytics": one.processes["analytics"].pid,
                 "edge": one.processes["edge"].pid}
        services = folder / "suite" / "services"
        parts["PostgreSQL"] = int((services / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        parts["RabbitMQ"] = int((services / "rabbitmq" / "pid").read_text())
        before, began = processor_seconds(), time.monotonic()
        double.add_to(one, "sn1")
        last, still = 0, time.monotonic()
        while True:
            rows = int(one.services.sql(count, database="compagnon"))
            if rows != last:
                last, still = rows, time.monotonic()
            # Filtered events never arrive: the end is when all that will come has come.
            if last >= wanted or (last > 0 and time.monotonic() - still > 8):
                break
            time.sleep(0.2)
        seconds = still - began
        used = by_part(before, processor_seconds(), parts)
    finally:
        one.stop()
        double.stop()
    return last, seconds, used


def main():
    backlog = 1_000_000 if "--full" in sys.argv else 100_000
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-path-", dir=suite.scratch()))
    try:
        rates, shares = [], []
        for run in range(3 if "--full" not in sys.argv else 1):
            events, seconds, used = measure(folder / str(run), backlog)
            rates.append(events / seconds)
            shares.append({name: value / sum(used.values()) for name, value in used.items()})
            report.say(f"run {run + 1}: {events} events in {seconds:.1f} s")
        report.line("path", f"committed facts from a backlog of {backlog}", report.median(rates), "events/s", limit=GOAL)
        for name in shares[0]:
            report.line("path", f"share of processor time: {name}", report.median([share[name] for share in shares]), "of 1")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
