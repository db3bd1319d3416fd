"""A coordinator's way through the suite beside a simulated Moodle, on both sets of parts: HTTP outside, gRPC inside."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import suite  # noqa: E402


def cohort_links(browser, site):
    return sorted(set(link for link in browser.get("/").links() if link.startswith(f"/cohorts/{site}/")))


def asked_to_sign_in(page):
    """The answer to a stranger: the sign-in page or a refusal, and no figure."""
    return (page.status in (401, 403) or "/sign-in" in page.url) and not re.search(r"\d+ sur \d+", page.words())


def total(browser, links, indicator):
    rows = set().union(*(figures.of_csv(figures.exported(browser, link[1:])) for link in links))
    return sum(int(row[6]) for row in rows if row[0] == indicator and row[2:6] == ("*", "*", "*", "*"))


def held(values, content):
    """Those of the values that the bytes hold: as they are, as JSON escapes them (PHP does so by default), or in hex as pg_dump writes bytes."""
    return {value for value in values
            if value.encode() in content or json.dumps(value)[1:-1].encode() in content or value.encode().hex().encode() in content}


class Journeys:
    parts = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-journeys-", dir=suite.scratch()))
        cls.addClassCleanup(lambda: shutil.rmtree(cls.folder, ignore_errors=True))
        cls.double = suite.Double(cls.folder / "moodle", sites="sn1:Plateforme Sénégal:Africa/Dakar,td1:Plateforme Tchad:Africa/Ndjamena", learners=60)
        cls.addClassCleanup(cls.double.stop)
        cls.suite = suite.Suite(cls.parts, cls.folder / "suite")
        cls.addClassCleanup(cls.suite.stop)
        cls.suite.start()
        for site in ("sn1", "td1"):
            cls.double.add_to(cls.suite, site)
        cls.coordinator = cls.suite.sign_in(scopes=("sites/sn1", "sites/td1"))
        suite.wait_until("both sites' cohorts are on the home page",
                         lambda: all(len(cohort_links(cls.coordinator, site)) >= 5 for site in ("sn1", "td1")), 120, 1)
        cls.links = cohort_links(cls.coordinator, "sn1")
        suite.wait_until("cohorts have figures", lambda: total(cls.coordinator, cls.links, "2") > 30 and total(cls.coordinator, cls.links, "7") > 20, 120, 1)

    def test_the_home_page_says_what_changed_and_how_fresh_the_data_are(self):
        words = self.coordinator.get("/").words()
        self.assertRegex(words, r"\d+ apprenants? actifs?")
        self.assertIn("Plateforme Sénégal", words)
        self.assertIn("Plateforme Tchad", words)
        self.assertRegex(words, r"Connu jusqu’au|Connu jusqu'au")

    def test_a_cohort_page_names_its_learners_and_states_each_figure_with_both_its_parts(self):
        words = self.coordinator.get(self.links[0]).words()
        self.assertRegex(words, r"\d+ sur \d+")
        self.assertRegex(words, r"\d+ apprenants")
        people = self.people()
        self.assertTrue(any(name in words for name in people), "no learner's name on the page")

    def test_the_page_exists_in_english_and_in_arabic_from_right_to_left(self):
        self.assertIn('lang="en"', self.coordinator.get(self.links[0] + "?lang=en").text[:200])
        self.assertIn('dir="rtl"', self.coordinator.get(self.links[0] + "?lang=ar").text[:200])
        self.coordinator.get("/?lang=fr")

    def test_people_who_act_now_move_a_figure_while_the_page_is_watched(self):
        def weekly():
            rows = set().union(*(figures.of_csv(figures.exported(self.coordinator, link[1:])) for link in self.links))
            return sum(int(row[6]) for row in rows if row[0] == "9" and row[3:6] == ("*", "*", "*"))

        before = weekly()
        self.double.control("rows", site="sn1", n=400)
        suite.wait_until("the weekly figures grow", lambda: weekly() > before, 60, 0.5)

    def test_a_site_that_is_down_says_so_and_holds_back_no_other(self):
        self.double.control("offline", site="td1", seconds=100000)
        try:
            suite.wait_until("the page says that the line is down", lambda: "ne répond" in self.coordinator.get("/freshness").words(), 60, 1)
            before = total(self.coordinator, self.links, "2")
            self.assertGreater(before, 0)
            watermark = figures.exported(self.coordinator, self.links[0][1:]).splitlines()[1].split(",")[10]
            suite.wait_until("the other site goes on", lambda: figures.exported(self.coordinator, self.links[0][1:]).splitlines()[1].split(",")[10] > watermark, 60, 1)
        finally:
            self.double.control("online", site="td1")

    def test_a_coordinator_of_one_site_sees_nothing_of_another(self):
        other = self.suite.sign_in(scopes=("sites/td1",), person="person-2")
        self.assertEqual([], cohort_links(other, "sn1"))
        self.assertIn(other.get(self.links[0]).status, (403, 404))
        self.assertIn(other.get(self.links[0] + "/figures.csv").status, (403, 404))

    def test_a_reader_sees_figures_and_no_names(self):
        reader = self.suite.sign_in(profile="reader", scopes=("sites/sn1",), person="person-3")
        page = reader.get(self.links[0])
        self.assertEqual(200, page.status)
        words = page.words()
        self.assertRegex(words, r"\d+ sur \d+")
        self.assertFalse([name for name in self.people() if name in words])

    def test_nobody_reads_without_signing_in_and_a_link_serves_once(self):
        stranger = suite.Browser(self.suite.url)
        self.assertTrue(asked_to_sign_in(stranger.get(self.links[0])))
        self.assertTrue(asked_to_sign_in(stranger.get(self.links[0] + "/figures.csv")))
        said = self.suite.cli("sign-in", "--person", "person-4", "--profile", "reader", "--scope", "sites/sn1",
                              module="edge" if self.parts == "distributed" else None).stdout.strip()
        first, second = suite.Browser(self.suite.url), suite.Browser(self.suite.url)
        page, again = first.get(said), second.get(said)
        first.submit(page)
        self.assertFalse(asked_to_sign_in(first.get(self.links[0])))
        self.assertNotEqual(200, second.submit(again).status)
        self.assertTrue(asked_to_sign_in(second.get(self.links[0])))

    def test_a_form_from_elsewhere_is_refused(self):
        home = self.coordinator.get("/")
        form = re.search(r'<form[^>]*action="([^"]*sign-out[^"]*)"', home.text)
        self.assertTrue(form, "no way to sign out")
        answer = self.coordinator.post(form.group(1), {}, Origin="https://elsewhere.example")
        self.assertEqual(403, answer.status)
        self.assertEqual(200, self.coordinator.get("/").status)

    def test_no_name_address_or_number_of_a_person_is_in_analytics_queues_or_logs(self):
        names, others, answers = set(), set(), b""
        for site in ("sn1", "td1"):
            raw, users = self.double.export(site, "users")
            answers += raw
            # The first accounts are nobody's: guest, administrator, the web service's own.
            for user in (user for user in users if user["id"] > 3):
                names.update((user["firstname"], user["lastname"]) if not user["deleted"] else ())
                others.update((user["username"], user["email"], user["idnumber"]))
            log = self.double.control("file", site=site, name="log.jsonl")
            answers += log.encode()
            others.update(re.findall(r'"ip":"([0-9a-f.:]{9,})"', log))
        names, others = ({value for value in values if len(value.encode()) >= 6} for values in (names, others))
        self.assertGreater(len(names), 50)
        self.assertGreater(len(others), 300)
        # What finds nothing must be able to find: names where moodle keeps them, everything in what the sites told.
        suite.wait_until("moodle knows everybody", lambda: names <= held(names, self.kept_by("moodle")), 60, 1)
        self.assertEqual(names | others, held(names | others, answers))

        places = {f"log of {name}": self.suite.log(name).encode() for name in self.suite.names()}
        places["what analytics keeps"] = self.kept_by("analytics")
        places["the queues"] = self.queued()
        self.assertIn(b"learner_day", places["what analytics keeps"])
        self.assertIn(b"moodle.td1.", places["the queues"])
        for place, content in places.items():
            found = sorted(held(names | others, content))
            self.assertFalse(found, f"{place} holds {len(found)} identities, {found[:3]} among them")

    # --- what lies in the servers and files behind the modules ---

    def kept_by(self, module):
        if self.parts == "embedded":
            return b"".join(path.read_bytes() for path in sorted((self.suite.folder / "data").glob(f"{module}.db*")))
        return subprocess.run(["pg_dump", "-h", "127.0.0.1", "-p", str(self.suite.services.port("postgres")), "-U", "postgres", "-n", module, "compagnon"],
                              capture_output=True, check=True).stdout

    def queued(self):
        if self.parts == "embedded":
            return b"".join(path.read_bytes() for path in sorted((self.suite.folder / "data").glob("bus.db*")))
        return b"".join(path.read_bytes() for path in sorted((self.suite.folder / "services" / "rabbitmq" / "mnesia").rglob("*")) if path.is_file())

    def people(self):
        rows = self.suite.rows("moodle", "SELECT first_name, last_name FROM directory_person WHERE site = 'sn1'")
        return [" ".join(filter(None, row)) for row in rows if len(" ".join(row)) > 5]


class EmbeddedParts(Journeys, unittest.TestCase):
    parts = "embedded"


class DistributedParts(Journeys, unittest.TestCase):
    parts = "distributed"


if __name__ == "__main__":
    unittest.main(verbosity=2)
