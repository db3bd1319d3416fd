"""Real logs imported by file: the figures on the pages and in the CSV equal those of the oracle, on both sets of parts."""
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import suite  # noqa: E402


class ImportedLogs:
    parts = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-acceptance-", dir=suite.scratch()))
        self.suite = suite.Suite(self.parts, self.folder / "suite", dimensions=None)
        self.addCleanup(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        self.addCleanup(self.suite.stop)
        self.suite.start()

    def import_oulad(self):
        log = suite.shared() / "oulad" / "moodle-log"
        return self.suite.cli("import-log", log / "log.jsonl.gz", "--site", "ou", "--people", log / "people.csv", "--courses", log / "courses.csv",
                              "--assessments", log / "assessments.csv", "--time-zone", "Europe/London", "--map", "region=country")

    def test_the_968000_events_of_oulad_give_the_oracle_s_figures_and_a_second_import_changes_none(self):
        said = self.import_oulad()
        self.assertIn("967", said.stdout.replace("\u202f", "").replace("\u00a0", "").replace(" ", ""))
        browser = self.suite.sign_in(scopes=("sites/ou",))
        paths = [f"cohorts/ou/{course}" for course in (100, 101, 102)]
        wanted = figures.expected("oulad.csv.gz")
        figures.wait_for_figures(browser, paths, wanted)
        # The page says the same in words: 383 enrolled in AAA-2013J, 371 of 376 started.
        page = browser.get("/cohorts/ou/100").words()
        self.assertIn("371", page)
        self.assertIn("376", page)
        self.import_oulad()
        figures.wait_for_figures(browser, paths, wanted, seconds=60)

    def test_the_log_recorded_on_a_real_moodle_gives_the_oracle_s_figures(self):
        log = suite.shared() / "moodle" / "logstore_standard_log.jsonl"
        self.suite.cli("import-log", log, "--site", "rec", "--time-zone", "Europe/Paris")
        browser = self.suite.sign_in(scopes=("sites/rec",))
        wanted = figures.expected("recorded.csv")
        figures.wait_for_figures(browser, ["cohorts/rec/4"], wanted)


class EmbeddedParts(ImportedLogs, unittest.TestCase):
    parts = "embedded"


class DistributedParts(ImportedLogs, unittest.TestCase):
    parts = "distributed"


if __name__ == "__main__":
    unittest.main(verbosity=2)
