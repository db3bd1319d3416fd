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

    def test_a_history_told_by_file_and_over_the_bridge_counts_once_whichever_came_first(self):
        def link(code):
            self.double.add_to(self.suite, code)

        def by_file(code):
            said = self.suite.cli("import-log", self.folder / code / "log.jsonl", "--site", code, "--time-zone", self.double.sites[code]["zone"])
            self.assertRegex(said.stdout, r"\d")

        def taken():
            return self.suite.rows("analytics", "SELECT count(*) FROM raw")[0][0]

        for code, ways in (("sn1", (by_file, link)), ("mg1", (link, by_file))):
            wanted, courses = self.oracle(code)
            browser, paths = self.suite.sign_in(scopes=(f"sites/{code}",)), [f"cohorts/{code}/{course}" for course in courses]
            told = []
            for way in ways:
                way(code)
                # A file alone knows nobody's sex, age or country: its figures are the oracle's only once the bridge has told them.
                if code in self.linked():
                    figures.wait_for_figures(browser, paths, wanted)
                # What would count twice may still be on its way.
                told.append(figures.wait_until_still(taken))
            figures.wait_for_figures(browser, paths, wanted, seconds=60)
            # A figure of "at least one" hides what counts twice: no instant may have two sources. Here the bridge tells the whole history,
            # so it covers all of it, and a file that comes after brings nothing.
            spans = self.suite.rows("moodle", f"SELECT source, from_us, to_us FROM coverage_span WHERE site = '{code}'")
            self.assertEqual(["bridge"], [source.split("/")[0] for source, _, _ in spans], spans)
            if ways[0] is link:
                self.assertEqual(told[0], told[1])

    def linked(self):
        return [row[0] for row in self.suite.rows("moodle", "SELECT code FROM site WHERE url <> ''")]


class EmbeddedParts(SimulatedSites, unittest.TestCase):
    parts = "embedded"


class DistributedParts(SimulatedSites, unittest.TestCase):
    parts = "distributed"


if __name__ == "__main__":
    unittest.main(verbosity=2)
