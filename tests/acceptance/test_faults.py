"""What is killed, stopped and cut during ingest changes nothing: afterwards digests and figures equal those of an undisturbed run.

Both suites of a test pull the same paused Moodle, one undisturbed, one under fire. COMPAGNON_KILLS sets how often (5; 50 in ./dev full).
"""
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import suite  # noqa: E402

KILLS = int(os.environ.get("COMPAGNON_KILLS", "5"))
BACKLOG = int(os.environ.get("COMPAGNON_BACKLOG", "60000"))


def digests(one):
    said = one.cli("digest", "--across-runs", module="analytics" if one.parts == "distributed" else None).stdout
    return {line["layer"]: (line["rows"], line["digest"]) for line in map(json.loads, said.splitlines())}


def raw_rows(one):
    return digests(one)["raw"][0]


def settled(one, seconds=240):
    """Waits until nothing has moved for a while, and answers the digests."""
    state = {"last": None, "since": time.monotonic()}

    def still():
        now = digests(one)
        if now != state["last"]:
            state["last"], state["since"] = now, time.monotonic()
        return now["raw"][0] > 0 and time.monotonic() - state["since"] > 4

    suite.wait_until("the figures stand still", still, seconds, 0.5)
    return state["last"]


class UnderFire(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-faults-", dir=suite.scratch()))
        self.addCleanup(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        self.double = suite.Double(self.folder / "moodle", learners=80, weeks=8, backlog=BACKLOG)
        self.addCleanup(self.double.stop)
        self.double.control("pause")
        self.random = random.Random(20261121)

    def undisturbed(self):
        calm = suite.Suite("embedded", self.folder / "calm")
        self.addCleanup(calm.stop)
        calm.start()
        self.double.add_to(calm, "sn1")
        found = settled(calm)
        self.assertGreater(found["raw"][0], BACKLOG)
        csv = {path: figures.of_csv(text) for path, text in self.csv_of(calm).items()}
        calm.stop()
        return found, csv

    @staticmethod
    def csv_of(one):
        browser = one.sign_in(scopes=("sites/sn1",))
        links = sorted(set(link for link in browser.get("/").links() if link.startswith("/cohorts/sn1/")))
        return {link: figures.exported(browser, link[1:]) for link in links}

    def compare(self, one, wanted):
        wanted_digests, wanted_csv = wanted
        # Figures that depend on T alone may move between two runs of one moment's difference; everything an event decides may not.
        # After a kill the site's lease must run out before the next poller may pull: standing still is not yet the end.
        suite.wait_until("every event has arrived", lambda: raw_rows(one) >= wanted_digests["raw"][0], 240, 0.5)
        found = settled(one)
        for layer in ("raw", "learner_day", "completed"):
            self.assertEqual(found[layer], wanted_digests[layer], layer)
        for path, text in self.csv_of(one).items():
            self.assertEqual("", figures.difference(figures.of_csv(text), wanted_csv[path]), path)
        if one.services:
            self.assertEqual("0", one.services.sql("SELECT count(*) FROM analytics.rejected;", database="compagnon"))

    def pull_while(self, one, disturb):
        """Starts a pull and calls disturb() again and again until it has struck KILLS times, as long as rows still arrive."""
        self.double.add_to(one, "sn1")
        for _ in range(KILLS):
            time.sleep(self.random.uniform(0.2, 1.6))
            disturb()

    def test_one_process_killed_at_random_points_loses_nothing_and_doubles_nothing(self):
        wanted = self.undisturbed()
        one = suite.Suite("embedded", self.folder / "fire")
        self.addCleanup(one.stop)
        one.start()

        def kill():
            one.kill("all")
            one.start()

        self.pull_while(one, kill)
        self.compare(one, wanted)

    def test_modules_apart_killed_at_random_points_lose_nothing_and_double_nothing(self):
        wanted = self.undisturbed()
        one = suite.Suite("distributed", self.folder / "fire")
        self.addCleanup(one.stop)
        one.start()

        def kill():
            name = self.random.choice(("moodle", "analytics"))
            one.kill(name)
            one.start(name)

        self.pull_while(one, kill)
        self.compare(one, wanted)

    def test_postgresql_rabbitmq_and_redis_stopped_and_started_during_ingest_lose_nothing(self):
        wanted = self.undisturbed()
        one = suite.Suite("distributed", self.folder / "fire")
        self.addCleanup(one.stop)
        one.start()
        self.double.add_to(one, "sn1")
        for server, how in (("rabbitmq", "stop"), ("postgres", "kill"), ("redis", "kill"), ("rabbitmq", "kill"), ("postgres", "stop")):
            time.sleep(self.random.uniform(0.3, 1.2))
            one.services.run(how, server)
            time.sleep(0.5)
            one.services.run("start", server)
        for name in suite.MODULES:
            self.assertIsNone(one.processes[name].poll(), f"{name} ended: {one.log(name)[-2000:]}")
        suite.wait_until("pages answer again", lambda: self.csv_of(one), 120, 2)
        self.compare(one, wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
