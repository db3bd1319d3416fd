"""A module that lost its data is filled again by `compagnon replay`, from what Moodle still keeps."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import test_simulated_sites  # noqa: E402


class EmptiedAnalytics(test_simulated_sites.SimulatedSites, unittest.TestCase):
    parts = "embedded"
    # The journey of the parent class is told by its own children.
    test_what_two_sites_in_two_zones_tell_over_the_bridge_gives_the_oracle_s_figures = None

    def test_an_emptied_analytics_has_its_figures_again_after_a_replay(self):
        self.double.add_to(self.suite, "sn1")
        wanted, courses = self.oracle("sn1")
        paths = [f"cohorts/sn1/{course}" for course in courses]
        figures.wait_for_figures(self.suite.sign_in(scopes=("sites/sn1",)), paths, wanted)
        self.suite.stop()
        emptied = list(self.suite.folder.rglob("analytics.db*"))
        self.assertTrue(emptied)
        for file in emptied:
            file.unlink()
        self.suite.start()
        said = self.suite.cli("replay", "--to", "analytics", "--site", "sn1").stdout
        self.assertIn("analytics", said)
        self.assertNotIn("non couvert", said)
        figures.wait_for_figures(self.suite.sign_in(scopes=("sites/sn1",)), paths, wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
