"""12, 24, 25, 26, 31 and 38 on hand-made tables."""
import unittest

from cases import Case, at, complete, enrol, noise, unenrol
from quantiles import NOT_REACHED
from tutoring import delays

HOUR = 3600
NOON = at("2013-04-02 12:00")
LAST = "2013-04-20 11:59:59"                 # T = 12:00:00
T = at("2013-04-20 12:00")
PEOPLE = [{"id": "5", "sex": "F"}, {"id": "6", "sex": "M"}, {"id": "7", "sex": "F"}]


def rows(columns, *lines):
    """A table written with a line a row: "10 1 2" and "." for an empty cell."""
    return [dict(zip(columns.split(), ("" if cell == "." else cell for cell in line.split()))) for line in lines]


class Tables(Case):
    def run_tables(self, *log, learners=(5, 6), k=5, **tables):
        self.run_all(*[enrol("2013-03-01 10:00", person) for person in learners], *log, noise(LAST),
                     tables={"people": PEOPLE, **tables}, k=k)


class Progression(Tables):
    def found(self, activities, completions, *log, **more):
        self.run_tables(*log, activities=rows("courseid cmid criterion tracking visible from until", *activities),
                        completions=rows("person cmid state time", *completions), **more)
        return self.figure("12")

    def test_the_course_s_criteria_else_tracked_visible_modules(self):
        criteria = ["10 1 1 2 1 . .", "10 2 1 0 1 . .", "10 3 0 2 1 . ."]
        done = [f"5 1 1 {NOON}", f"5 3 1 {NOON}", f"6 2 2 {NOON}"]
        self.assertEqual(self.found(criteria, done), (2, 4))
        self.assertEqual(self.figure("12", cut=("M", "*", "*")), (1, 2))
        others = ["10 1 0 2 1 . .", "10 2 0 0 1 . .", "10 3 0 1 1 . .", "10 4 0 1 0 . ."]
        self.assertEqual(self.found(others, done), (2, 4))           # 1 and 3

    def test_open_is_visible_and_within_its_dates(self):
        self.assertEqual(self.found([f"10 1 1 2 1 {T} .", f"10 2 1 2 1 . {T + 1}"], []), (0, 4))
        self.assertEqual(self.found([f"10 1 1 2 1 {T + 1} .", f"10 2 1 2 1 . {T}", "10 3 1 2 0 . ."], []), None)
        # done, then hidden: in neither part
        self.assertEqual(self.found(["10 1 1 2 0 . .", "10 2 1 2 1 . ."], [f"5 1 1 {NOON}"]), (0, 2))

    def test_states(self):
        one = ["10 1 1 2 1 . ."]
        for state, done in ((0, 0), (1, 1), (2, 1), (3, 0)):
            self.assertEqual(self.found(one, [f"5 1 {state} {NOON}"]), (done, 2))
        self.assertEqual(self.found(one, [f"5 1 0 {NOON + 1}", f"5 1 1 {NOON}"]), (0, 2))    # taken back
        self.assertEqual(self.found(one, [f"5 1 0 {NOON}", f"5 1 1 {NOON}"]), (1, 2))        # same second: table's order
        self.assertEqual(self.found(one, [f"5 1 1 {T + 1}"]), (0, 2))
        self.assertEqual(self.found(one, [f"9 1 1 {NOON}"]), (0, 2))                          # no learner

    def test_e0(self):
        self.assertEqual(self.found(["10 1 1 2 1 . ."], [], unenrol("2013-04-01 10:00", 6)), (0, 2))
        self.assertEqual(self.found(["10 1 1 2 1 . ."], [], unenrol("2013-03-02 10:00", 6)), (0, 1))


class Satisfaction(Tables):
    def found(self, *answers, completed=(5, 6), **more):
        log = [complete("2013-04-10 10:00", person) for person in completed]
        self.run_tables(*log, feedback=rows("response courseid person label value time", *answers), **more)
        return self.figure("24"), self.figure("24nps"), self.figure("24response")

    def test_satisfaction_and_recommendation(self):
        answers = [f"1 10 5 cmp_sat 4 {NOON}", f"1 10 5 cmp_nps 9 {NOON}", f"2 10 6 cmp_sat 3 {NOON}",
                   f"2 10 6 cmp_nps 8 {NOON}", f"3 10 . cmp_sat 5 {NOON}", f"3 10 . cmp_nps 6 {NOON}",
                   f"4 10 . cmp_nps 0 {NOON}"]
        self.assertEqual(self.found(*answers, k=1), ((2, 3), (-1, 4), (4, 2)))
        self.assertEqual(self.figure("24", cut=("F", "*", "*")), (1, 1))
        self.assertEqual(self.found(*answers, k=4), (None, (-1, 4), (4, 2)))
        self.assertIsNone(self.figure("24nps", cut=("F", "*", "*")))
        self.assertEqual(self.figure("24response", cut=("F", "*", "*")), (1, 1))
        # anonymous answers have nobody completed beside them: no response rate, so hidden
        self.assertIsNone(self.figure("24response", cut=("inconnu", "*", "*")))

    def test_what_is_no_answer(self):
        answers = [f"1 10 5 cmp_sat 0 {NOON}", f"2 10 5 cmp_sat 6 {NOON}", f"3 10 5 cmp_sat . {NOON}",
                   f"4 10 5 cmp_sat 4.5 {NOON}", f"5 10 5 other 4 {NOON}", f"6 10 5 cmp_nps 11 {NOON}",
                   f"7 10 5 cmp_sat 5 {T + 1}", f"8 10 5 cmp_sat 1 {T}"]
        self.assertEqual(self.found(*answers, k=1), ((0, 1), None, (1, 2)))

    def test_hidden_below_30_percent(self):
        people = tuple(range(5, 15))
        three = [f"{n} 10 {n} cmp_sat 5 {NOON}" for n in (5, 6, 7)]
        self.assertEqual(self.found(*three, completed=people, learners=people, k=3), ((3, 3), None, (3, 10)))
        self.assertEqual(self.found(*three[:2], completed=people, learners=people, k=1), (None, None, (2, 10)))

    def test_hidden_when_nobody_completed(self):
        self.assertEqual(self.found(f"1 10 5 cmp_sat 5 {NOON}", completed=(), k=1), (None, None, None))


class FirstReply(Tables):
    def found(self, *posts):
        self.run_tables(posts=rows("post discussion courseid author role time", *posts))
        return self.figure("25"), self.figure("25replied"), self.figure("25median")

    def test_48_hours(self):
        for wait, soon in ((48 * HOUR, 1), (48 * HOUR + 1, 0)):
            self.assertEqual(self.found(f"1 1 10 5 learner {NOON}", f"2 1 10 77 tutor {NOON + wait}"),
                             ((soon, 1), (1, 1), (1, 1, wait)))

    def test_the_first_later_post_of_a_tutor_in_the_discussion(self):
        self.assertEqual(self.found(f"1 1 10 5 learner {NOON}", f"2 1 10 77 tutor {NOON}", f"3 1 10 6 learner {NOON + 20}",
                                    f"4 2 10 77 tutor {NOON + 30}", f"5 1 10 3 coordinator {NOON + 35}",
                                    f"6 1 10 78 tutor {NOON + 60}", f"7 1 10 77 tutor {NOON + 40}"),
                         ((2, 2), (2, 2), (2, 2, 20)))               # 40 s and 20 s
        self.assertEqual(self.figure("25", cut=("F", "*", "*")), (1, 1))

    def test_young_posts_are_in_the_median_only(self):
        old, young = T - 48 * HOUR, T - 48 * HOUR + 1
        self.assertEqual(self.found(f"1 1 10 5 learner {old}", f"2 2 10 6 learner {young}", f"3 2 10 77 tutor {young + 5}"),
                         ((0, 1), (0, 1), (1, 2, 5)))

    def test_not_reached(self):
        # replied after 100 s of three; the second was written 100 s before T: still at risk, S = 2/3
        self.assertEqual(self.found(f"1 1 10 5 learner {NOON}", f"2 1 10 77 tutor {NOON + 100}", f"3 2 10 5 learner {T - 100}",
                                    f"4 3 10 5 learner {T - 200}"),
                         ((1, 1), (1, 1), (1, 3, NOT_REACHED)))

    def test_only_posts_of_e_and_until_t(self):
        self.assertEqual(self.found(f"1 1 10 9 learner {NOON}", f"2 1 10 5 tutor {NOON}", f"3 1 11 5 learner {NOON}"),
                         (None, None, None))
        self.assertEqual(self.found(f"1 1 10 5 learner {NOON}", f"2 1 10 77 tutor {T + 1}"),
                         ((0, 1), (0, 1), (0, 1, NOT_REACHED)))


class GradingDelay(Tables):
    def test_units(self):
        for submissions, gradings, expected in (
                ([10], [15], ([5], False)),
                ([10, 12], [15], ([3], False)),              # the last submission before it
                ([10, 20], [15, 26], ([5, 6], False)),
                ([10], [15, 18], ([5], False)),              # a second grading is no unit
                ([10, 20], [15], ([5], True)),
                ([10], [10], ([], True)),                    # the same second: not before
                ([10, 15], [15], ([5], True)),
                ([10], [5], ([], True)),
                ([], [5], ([], False)),
                ([10, 10], [15], ([5], False))):
            self.assertEqual(delays(submissions, gradings), expected, (submissions, gradings))

    def test_table(self):
        lines = []
        for cmid, delay in enumerate((100, 400, 200, 300), 1):
            lines += [f"submission 10 {cmid} 5 {NOON}", f"grading 10 {cmid} 5 {NOON + delay}"]
        lines += [f"submission 10 1 6 {NOON}", f"grading 10 1 6 {T + 1}", f"submission 10 1 9 {NOON}",
                  f"submission 10 2 6 {T + 1}"]
        self.run_tables(gradings=rows("kind courseid cmid person time", *lines))
        self.assertEqual(self.figure("26"), (1000, 4))
        self.assertEqual([self.figure("26" + name) for name in ("p25", "median", "p75")],
                         [("", 4, 100), ("", 4, 200), ("", 4, 300)])
        self.assertEqual(self.figure("26backlog"), (1, ""))
        self.assertEqual(self.figure("26backlog", cut=("M", "*", "*")), (1, ""))
        self.assertIsNone(self.figure("26backlog", cut=("F", "*", "*")))


class Load(Tables):
    def found(self, *lines, log=(), learners=(5, 6, 7)):
        self.run_tables(*log, learners=learners, groups=rows("courseid group person role", *lines))
        return self.figure("31"), self.figure("31load:77"), self.figure("31load:78")

    GROUPS = ("10 a 5 learner", "10 a 6 learner", "10 b 6 learner", "10 b 7 learner", "10 c 7 learner",
              "10 a 77 tutor", "10 b 77 tutor", "10 c 78 tutor")

    def test_groups(self):
        self.assertEqual(self.found(*self.GROUPS), ((3, 1), (3, ""), (1, "")))

    def test_withdrawn_learners_and_strangers_are_no_load(self):
        self.assertEqual(self.found(*self.GROUPS, "10 a 99 learner", log=[unenrol("2013-04-02 10:00", 7)]),
                         ((2, 2), (2, ""), None))                    # 78 has nobody left: not in the ratio

    def test_a_course_without_groups(self):
        self.assertEqual(self.found("10 . 77 tutor", "10 . 78 tutor", "10 . 5 learner"), ((3, 3), (3, ""), (3, "")))

    def test_in_a_course_with_groups_a_tutor_in_none_has_nobody(self):
        self.assertEqual(self.found("10 a 5 learner", "10 a 77 tutor", "10 . 78 tutor"), ((1, 1), (1, ""), None))

    def test_the_site_adds_courses(self):
        self.assertEqual(self.found(*self.GROUPS, "11 . 78 tutor", log=[enrol("2013-03-01 10:00", 5, 99, courseid=11)]),
                         ((3, 1), (3, ""), (1, "")))
        self.assertEqual(self.figure("31", course="*"), (3, 2))
        self.assertEqual(self.figure("31load:78", course="*"), (2, ""))

    def test_nobody_at_all(self):
        self.assertEqual(self.found("10 a 77 tutor"), (None, None, None))


class Completeness(Tables):
    def test_by_day(self):
        self.run_tables(rows=rows("day committed written", "2013-04-02 98 100", "2013-04-03 0 0", "2013-04-04 0 7"))
        self.assertEqual(self.figure("38", "2013-04-02", "*"), (98, 100))
        self.assertIsNone(self.figure("38", "2013-04-03", "*"))
        self.assertEqual(self.figure("38", "2013-04-04", "*"), (0, 7))

    def test_not_measurable_without_the_plugin(self):
        self.run_tables()
        self.assertFalse([key for key in self.table if key[0] == "38"])


if __name__ == "__main__":
    unittest.main()
