"""2, 4 and 6 on hand-made cases, and the cuts that every indicator has."""
import unittest

from cases import Case, at, complete, enrol, grade, noise, unenrol, view

PEOPLE = [{"id": "5", "sex": "F", "age_band": "young", "country": "Mali"},
          {"id": "6", "sex": "M", "age_band": "young", "country": "Mali"},
          {"id": "7", "sex": "X", "age_band": "old", "country": "Togo"},
          {"id": "8", "sex": "", "age_band": "old", "country": ""}]


class Women(Case):
    def test_other_is_known_and_unknown_is_not(self):
        self.run_all(*[enrol("2013-03-01 10:00", person) for person in (5, 6, 7, 8)], noise("2013-04-20 10:00"),
                     tables={"people": PEOPLE})
        self.assertEqual(self.figure("4"), (1, 3))
        self.assertEqual(self.figure("4coverage"), (3, 4))
        self.assertEqual(self.figure("4", cut=("*", "old", "*")), (0, 1))
        self.assertIsNone(self.figure("4", cut=("inconnu", "*", "*")))
        self.assertEqual(self.figure("4coverage", cut=("inconnu", "*", "*")), (0, 1))

    def test_only_e0(self):
        self.run_all(enrol("2013-03-01 10:00", 5), unenrol("2013-03-02 10:00", 5), enrol("2013-03-01 10:00", 6),
                     noise("2013-04-20 10:00"), tables={"people": PEOPLE})
        self.assertEqual(self.figure("4"), (0, 1))


class Countries(Case):
    def run_countries(self, sizes, **options):
        """`sizes`: learners by country."""
        people, rows = [], []
        for country, size in sizes.items():
            for _ in range(size):
                person = 100 + len(people)
                people.append({"id": str(person), "sex": "F" if size % 2 else "M", "country": country})
                rows.append(enrol("2013-03-01 10:00", person))
        self.run_all(*rows, noise("2013-04-20 10:00"), tables={"people": people}, **options)

    def test_exactly_k_is_reached(self):
        self.run_countries({"Mali": 5, "Togo": 4, "": 9})
        self.assertEqual(self.figure("6"), (1, ""))
        self.assertEqual(self.figure("6", cut=("M", "*", "*")), (0, ""))
        self.assertIsNone(self.figure("6", cut=("*", "*", "Mali")))
        self.run_countries({"Mali": 5, "Togo": 4}, k=4)
        self.assertEqual(self.figure("6"), (2, ""))

    def test_gini(self):
        # |5-4| + |5-0| + |4-0| = 10 over 3 countries x 9 e; Chad's 2 are not on the list
        self.run_countries({"Mali": 5, "Togo": 4, "Chad": 2}, countries=["Mali", "Togo", "Niger"])
        self.assertEqual(self.figure("6gini"), (10, 27))
        self.run_countries({"Mali": 3, "Togo": 3})
        self.assertEqual(self.figure("6gini"), (0, 12))
        self.run_countries({"Chad": 2}, countries=["Mali", "Togo"])
        self.assertIsNone(self.figure("6gini"))


class Cuts(Case):
    def test_every_cut_once(self):
        self.run_all(enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 6), noise("2013-04-20 10:00"),
                     tables={"people": PEOPLE})
        for course in ("10", "*"):
            for cut, e in ((("*", "*", "*"), 2), (("F", "*", "*"), 1), (("*", "young", "*"), 2), (("*", "*", "Mali"), 2),
                           (("M", "young", "*"), 1), (("F", "*", "Mali"), 1), (("*", "young", "Mali"), 2),
                           (("F", "young", "Mali"), 1)):
                self.assertEqual(self.figure("17", course=course, cut=cut), (0, e), cut)

    def test_a_site_counts_e_and_not_persons(self):
        other = [{"id": "10"}, {"id": "11"}]
        self.run_all(enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 5, 99, courseid=11),
                     enrol("2013-03-01 10:00", 6), complete("2013-04-01 10:00", 5), noise("2013-04-20 10:00"), courses=other)
        self.assertEqual(self.figure("17"), (1, 2))
        self.assertEqual(self.figure("17", course="11"), (0, 1))
        self.assertEqual(self.figure("17", course="*"), (1, 3))
        self.assertEqual(self.figure("2open", course="*"), (3, ""))


class MovedWatermark(Case):
    def test_figures_as_they_were_at_the_end_of_a_week(self):
        rows = [enrol("2013-03-01 10:00", 5), view("2013-03-26 10:00", 5), complete("2013-04-10 10:00", 5),
                unenrol("2013-04-12 10:00", 5), view("2013-04-11 10:00", 5), noise("2013-04-28 10:00")]
        self.run_all(*rows)
        self.assertEqual((self.figure("17"), self.figure("2open"), self.figure("35")), ((1, 1), None, (0, 2)))
        self.run_all(*rows, until=1365375600)         # 2013-04-07 23:00 UTC = end of W14
        self.assertEqual((self.figure("17"), self.figure("2open"), self.figure("35")), ((0, 1), (1, ""), (0, 1)))
        self.assertEqual(self.figure("9", "2013-W14"), (0, 1))
        self.assertIsNone(self.figure("9", "2013-W15"))
        self.assertEqual(self.figure("7"), (1, 1))
        self.assertEqual(self.figure("8"), (0, 1))    # its two weeks end at that very instant
        self.run_all(*rows, until=1365375599)
        self.assertIsNone(self.figure("8"))

    def test_what_is_at_t_counts_and_actions_at_t_do_not(self):
        assessments = [{"cmid": "1", "itemid": "1001", "courseid": "10", "type": "TMA", "due": "", "grademax": "100"}]
        rows = [enrol("2013-03-01 10:00", 5), complete("2013-04-10 10:00", 5), grade("2013-04-10 10:00", 5, 1001, 50),
                view("2013-04-10 10:00", 5), noise("2013-04-28 10:00")]
        for moment, found in (("2013-04-10 10:00:00", ((1, 1), (1, 1), None)), ("2013-04-10 09:59:59", ((0, 1), None, None)),
                              ("2013-04-10 10:00:01", ((1, 1), (1, 1), (0, 1)))):
            self.run_all(*rows, until=at(moment), tables={"assessments": assessments})
            self.assertEqual((self.figure("17"), self.figure("15"), self.figure("35")), found)


if __name__ == "__main__":
    unittest.main()
