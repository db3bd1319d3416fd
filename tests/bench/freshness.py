"""[freshness] from a row in the plugin's outbox to a figure on a coordinator's page, while 500 events a second flow.

A learner who has never acted views their course: indicator 9 of the running week must rise by one. From the moment the act is asked for to the
moment a coordinator reads the higher figure, every two seconds with another learner. PostgreSQL, RabbitMQ and Redis, modules apart with
mTLS; the product's default polling.
"""
import csv
import datetime
import io
import pathlib
import shutil
import sys
import tempfile
import time
import urllib.error

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
import figures  # noqa: E402
import report  # noqa: E402
import suite  # noqa: E402

LIMIT = 5.0  # seconds, p95
EVERY = 2.0  # seconds between two learners
PATIENCE = 60.0  # seconds after which a figure that did not move is counted with this wait


def active(browser, course):
    """Learners of the course counted active in the running week (indicator 9), as its file of figures says."""
    text = figures.exported(browser, f"cohorts/sn1/{course}", "9")
    year, week, _ = datetime.datetime.now(datetime.timezone.utc).isocalendar()  # Dakar keeps UTC
    whole = {"week": f"{year}-W{week:02}", "cohort": "*", "sex": "*", "age_band": "*", "country": "*"}
    return sum(int(row["numerator"]) for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
               if all(row[name] == value for name, value in whole.items()))


class Waits:
    """Who was woken and is not on the page yet, by course, oldest first; the waits of those who are."""

    def __init__(self, double, browser, courses):
        self.double, self.browser = double, browser
        self.seen = {course: active(browser, course) for course in courses}
        self.waiting = {course: [] for course in courses}
        self.done, self.strangers = [], 0

    def look(self, course):
        count, now = active(self.browser, course), time.monotonic()
        risen = count - self.seen[course]
        self.seen[course] = count
        waiting = self.waiting[course]
        for _ in range(risen):
            if waiting:
                self.done.append(now - waiting.pop(0))
            else:
                # Somebody else's first act of the week: told, since another such may have stood for one of ours.
                self.strangers += 1
        while waiting and now - waiting[0] > PATIENCE:
            self.done.append(now - waiting.pop(0))

    def wake(self):
        """False when nobody is left to wake."""
        asked = time.monotonic()
        try:
            course = self.double.control("wake")["course"]
        except urllib.error.HTTPError:
            return False
        if course not in self.seen:
            raise AssertionError(f"course {course} is on no page")
        self.waiting[course].append(asked)
        return True

    def measure(self, seconds):
        end = time.monotonic() + seconds
        next_wake = next_round = time.monotonic()
        more = True
        while more or any(self.waiting.values()):
            now = time.monotonic()
            everywhere = now >= next_round
            for course, waiting in self.waiting.items():
                if waiting or everywhere:
                    self.look(course)
            if everywhere:
                next_round = now + 1
            if more and now >= next_wake:
                more, next_wake = now < end and self.wake(), next_wake + EVERY
            time.sleep(0.1)


def main():
    full = "--full" in sys.argv
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-freshness-", dir=suite.scratch()))
    double = suite.Double(folder / "moodle", learners=1000, weeks=6, live_rate=500)
    one = suite.Suite("distributed", folder / "suite")
    try:
        # The product's own polling, not the tests' hurried one.
        for module in suite.MODULES:
            path = one.config(module)
            path.write_text(path.read_text().replace("poll_active_ms = 200", "poll_active_ms = 2000").replace("poll_idle_ms = 1000", "poll_idle_ms = 15000").replace("recompute_ms = 300", "recompute_ms = 1000"))
        one.start()
        double.add_to(one, "sn1")
        browser = one.sign_in(scopes=("sites/sn1",))
        courses = suite.wait_until("cohorts are on the home page", lambda: sorted(set(
            int(link.split("/")[3]) for link in browser.get("/").links() if link.startswith("/cohorts/sn1/"))), 120, 1)
        time.sleep(45)
        # Those who act at all have acted by now: from here on the figure moves for those who are woken.
        before, began = double.control("state")["sites"][0]["rows"], time.monotonic()
        waits = Waits(double, browser, courses)
        waits.measure(180 if full else 60)
        flow = (double.control("state")["sites"][0]["rows"] - before) / (time.monotonic() - began)
        more = {"samples": len(waits.done), "strangers": waits.strangers}
        report.line("freshness", "outbox row to figure on a page, 500 events/s, p95", report.percentile(waits.done, 0.95), "s", limit=LIMIT, **more)
        report.line("freshness", "the same, median", report.percentile(waits.done, 0.5), "s")
        report.line("freshness", "flow while it was measured", flow, "events/s", limit=500)
    finally:
        one.stop()
        double.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
