"""What is killed, stopped and cut during ingest changes nothing: afterwards digests and figures equal those of an undisturbed run.

Both suites of a test pull the same paused Moodle, one undisturbed, one under fire. COMPAGNON_KILLS sets how often (5; 50 in ./dev full).
"""
import json
import os
import pathlib
import random
import resource
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import suite  # noqa: E402

KILLS = int(os.environ.get("COMPAGNON_KILLS", "5"))
# So many rows that the pull outlasts the strikes; pull_under_fire() fails when it does not.
BACKLOG = int(os.environ.get("COMPAGNON_BACKLOG", 15000 * KILLS))
# A killed reader's site must wait for its lease to run out: half a minute would leave nobody reading while the next strikes fall.
LEASE_MS = 1000


def digests(one):
    said = one.cli("digest", "--across-runs", module="analytics" if one.parts == "distributed" else None).stdout
    return {line["layer"]: (line["rows"], line["digest"]) for line in map(json.loads, said.splitlines())}


def raw_rows(one):
    return digests(one)["raw"][0]


def settled(one, seconds=240):
    """Waits until nothing has moved for a while, and answers the digests."""
    suite.wait_until("something has arrived", lambda: raw_rows(one) > 0, seconds, 0.5)
    return figures.wait_until_still(lambda: digests(one), seconds)


class UnderFire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-faults-", dir=suite.scratch()))
        cls.addClassCleanup(lambda: shutil.rmtree(cls.folder, ignore_errors=True))
        cls.double = suite.Double(cls.folder / "moodle", learners=80, weeks=8, backlog=BACKLOG)
        cls.addClassCleanup(cls.double.stop)
        cls.double.control("pause")
        cls.total = cls.double.control("state")["sites"][0]["rows"]
        # The undisturbed suite runs on: figures that depend on the hour are compared with those it gives at the same moment.
        cls.calm = suite.Suite("embedded", cls.folder / "calm")
        cls.addClassCleanup(cls.calm.stop)
        cls.calm.start()
        cls.double.add_to(cls.calm, "sn1")
        cls.wanted = settled(cls.calm)
        cls.random = random.Random(20261121)

    def setUp(self):
        self.assertGreater(self.wanted["raw"][0], BACKLOG)
        self.struck = []

    def fire(self, parts):
        one = suite.Suite(parts, self.folder / self.id().rsplit(".", 1)[1][:40], lease_ms=LEASE_MS)
        self.addCleanup(one.stop)
        return one.start()

    @staticmethod
    def csv_of(one):
        browser = one.sign_in(scopes=("sites/sn1",))
        links = sorted(set(link for link in browser.get("/").links() if link.startswith("/cohorts/sn1/")))
        return {link: figures.of_csv(figures.exported(browser, link[1:])) for link in links}

    def compare(self, one):
        # After a kill the site's lease must run out before the next poller may pull: standing still is not yet the end.
        suite.wait_until("every event has arrived", lambda: raw_rows(one) >= self.wanted["raw"][0], 240, 0.5)
        found = settled(one)
        for layer in ("raw", "learner_day", "completed"):
            self.assertEqual(found[layer], self.wanted[layer], layer)
        wanted = self.csv_of(self.calm)
        self.assertGreater(len(wanted), 4)
        for path, rows in self.csv_of(one).items():
            self.assertEqual("", figures.difference(rows, wanted.pop(path, set())), path)
        self.assertFalse(wanted, "cohorts missing")
        if one.services:
            self.assertEqual("0", one.services.sql("SELECT count(*) FROM analytics.rejected;", database="compagnon"))

    # --- striking while rows arrive ---

    def pulled(self, one):
        return int(one.rows("moodle", "SELECT max(seq) FROM site_cursor")[0][0] or 0)

    @staticmethod
    def taken(one):
        return int(one.rows("analytics", "SELECT count(*) FROM raw")[0][0])

    def pull_under_fire(self, one, strikes, slow_ms=400):
        """Starts a pull and runs the strikes, a list of (name, what must have moved since the last strike, the strike).

        What must have moved: functions that count rows. A strike falls at a random moment after every one of them has grown, and fails the
        test when there was nothing left to disturb.
        """
        self.double.control("fault", name="late", function="local_compagnon_pull_events", times=-1, amount=slow_ms)
        self.addCleanup(self.double.control, "clear")
        self.double.add_to(one, "sn1")
        before = {}
        for name, moved, strike in strikes:
            suite.wait_until(f"rows arrive before strike {len(self.struck) + 1} ({name})",
                             lambda moved=moved: all(count(one) > before.get(count, 0) for count in moved), 25, 0.02)
            time.sleep(self.random.uniform(0, 0.6))
            before = {count: count(one) for count in (self.pulled, self.taken)}
            self.struck.append((name, before[self.pulled], before[self.taken]))
            self.assertLess(before[self.taken], self.wanted["raw"][0], f"ingest had ended: {self.struck}")
            if self.pulled in moved:
                self.assertLess(before[self.pulled], self.total, f"the pull had ended: {self.struck}")
            strike()
        print(f"struck at (name, rows pulled, rows taken) {self.struck} of {self.total}", file=sys.stderr)
        self.double.control("clear")

    def test_one_process_killed_at_random_points_loses_nothing_and_doubles_nothing(self):
        one = self.fire("embedded")

        def kill():
            one.kill("all")
            one.start()

        self.pull_under_fire(one, [("all", (self.pulled, self.taken), kill)] * KILLS)
        self.compare(one)

    def test_a_disk_that_is_full_for_a_while_during_ingest_loses_nothing_and_ends_nothing(self):
        one = self.fire("embedded")
        process = one.processes["all"]

        def limit(size):
            # For the kernel a file at its limit is as full as a disk: the write is short, the next one fails.
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        def full(which, stops):
            # Journals, because databases grow only when theirs are copied back.
            limit(which(path.stat().st_size for path in (one.folder / "data").glob("*.db-wal") if path.name != "keys.db-wal"))
            self.addCleanup(lambda: process.poll() is None and limit(resource.RLIM_INFINITY))
            stood = figures.wait_until_still(lambda: [count(one) for count in stops], 120)
            self.assertIsNone(process.poll(), one.log("all")[-2000:])
            one.wait_ready("all")
            self.assertLess(stood[0], self.total, "nothing was held up")
            # What fails is told as what it is, where the log can still grow; no row is blamed.
            self.assertEqual([], [line for line in one.log("all").splitlines() if "page not committed" in line and '"code":8,' not in line])
            limit(resource.RLIM_INFINITY)

        # The smallest file's size stops every file; the largest one's the largest alone, moodle's.
        self.pull_under_fire(one, [("smallest", (self.pulled, self.taken), lambda: full(min, (self.pulled, self.taken))),
                                   ("largest", (self.pulled, self.taken), lambda: full(max, (self.pulled,)))])
        self.assertIs(process, one.processes["all"])
        self.compare(one)

    def test_modules_apart_killed_at_random_points_lose_nothing_and_double_nothing(self):
        one = self.fire("distributed")

        def kill(name):
            one.kill(name)
            one.start(name)

        strikes = [("moodle", (self.pulled,), lambda: kill("moodle")), ("analytics", (self.taken,), lambda: kill("analytics"))]
        strikes = strikes[:KILLS] + self.random.choices(strikes, k=max(0, KILLS - 2))
        self.pull_under_fire(one, strikes)
        self.compare(one)

    def test_postgresql_rabbitmq_and_redis_stopped_and_started_during_ingest_lose_nothing(self):
        one = self.fire("distributed")
        # RabbitMQ 3.10 (Debian 12) loses what a quorum queue holds when kill -9 falls within 1 to 4 s of the queue's first declaration: not ours to mend.
        time.sleep(5)

        def restart(server, how):
            one.services.run(how, server)
            time.sleep(0.5)
            one.services.run("start", server)

        round_of = [("postgres", "kill"), ("rabbitmq", "stop"), ("redis", "kill"), ("rabbitmq", "kill"), ("postgres", "stop")]
        # Nobody but analytics stands still while the broker is away, so the pull is slower here; the first strike at least falls upon both.
        self.pull_under_fire(one, [(f"{how} {server}", (self.taken,) if i else (self.pulled, self.taken), lambda server=server, how=how: restart(server, how))
                                   for i, (server, how) in enumerate((round_of * KILLS)[:KILLS])], slow_ms=1500)
        for name in suite.MODULES:
            self.assertIsNone(one.processes[name].poll(), f"{name} ended: {one.log(name)[-2000:]}")
        suite.wait_until("pages answer again", lambda: self.csv_of(one), 120, 2)
        self.compare(one)


if __name__ == "__main__":
    unittest.main(verbosity=2)
