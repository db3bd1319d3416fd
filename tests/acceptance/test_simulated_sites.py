"""Simulated Moodles read over the bridge: the suite's CSV equals what the oracle computes from the same sites' logs, on both sets of parts."""
import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import suite  # noqa: E402

SITES = "sn1:Plateforme Sénégal:Africa/Dakar,mg1:Plateforme Madagascar:Indian/Antananarivo"


class SimulatedSites:
    parts = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-acceptance-", dir=suite.scratch()))
        self.addCleanup(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        # A log does not say who is suspended, so these sites suspend nobody; paused, both readers see the same history.
        self.double = suite.Double(self.folder / "moodle", sites=SITES, learners=220, weeks=12, extra=("--no-suspensions",))
        self.addCleanup(self.double.stop)
        self.double.control("pause")
        self.suite = suite.Suite(self.parts, self.folder / "suite")
        self.addCleanup(self.suite.stop)
        self.suite.start()

    def oracle(self, code):
        folder = self.folder / code
        folder.mkdir()
        for name in ("log.jsonl", "people.csv", "courses.csv"):
            (folder / name).write_text(self.double.control("file", site=code, name=name), encoding="utf-8")
        subprocess.run([sys.executable, str(suite.ROOT / "tests" / "oracle" / "indicators.py"), str(folder / "log.jsonl"), "--people", str(folder / "people.csv"),
                        "--courses", str(folder / "courses.csv"), "--time-zone", self.double.sites[code]["zone"], "--map", "birth_date=birthdate",
                        "--out", str(folder / "figures.csv")], check=True, stderr=subprocess.DEVNULL)
        with open(folder / "figures.csv", encoding="utf-8", newline="") as file:
            wanted = set(tuple(row) for row in list(csv.reader(file))[1:])
        with open(folder / "courses.csv", encoding="utf-8", newline="") as file:
            return wanted, [row["id"] for row in csv.DictReader(file)]

    def test_what_two_sites_in_two_zones_tell_over_the_bridge_gives_the_oracle_s_figures(self):
        for code in self.double.sites:
            self.double.add_to(self.suite, code)
        for code in self.double.sites:
            wanted, courses = self.oracle(code)
            self.assertGreater(len(wanted), 1000)
            browser = self.suite.sign_in(scopes=(f"sites/{code}",))
            figures.wait_for_figures(browser, [f"cohorts/{code}/{course}" for course in courses], wanted)


class EmbeddedParts(SimulatedSites, unittest.TestCase):
    parts = "embedded"


class DistributedParts(SimulatedSites, unittest.TestCase):
    parts = "distributed"


if __name__ == "__main__":
    unittest.main(verbosity=2)
