"""14, 15 and 16 on hand-made cases."""
import unittest

from cases import Case, at, enrol, grade, noise, submit, unenrol
from quantiles import nearest_rank

FAR = noise("2013-06-30 10:00")


def item(number, course=10, **more):
    return {"cmid": str(number), "itemid": str(1000 + number), "courseid": str(course), "type": "TMA", "due": "2013-04-10",
            "grademax": "100", "gradepass": "40", **more}


class OnTime(Case):
    def found(self, *rows, items=(item(1),), **options):
        self.run_all(enrol("2013-03-01 10:00", 5), *rows, tables={"assessments": list(items)}, **options)
        return self.figure("14")

    def test_the_last_second_of_the_local_day(self):
        # 10 April ends at 23:00 UTC (BST)
        self.assertEqual(self.found(submit("2013-04-10 22:59:59", 5, 1), FAR), (1, 1))
        self.assertEqual(self.found(submit("2013-04-10 23:00:00", 5, 1), FAR), (0, 1))
        exact = [item(1, due="1365500000")]
        self.assertEqual(self.found(submit(1365500000, 5, 1), FAR, items=exact), (1, 1))
        self.assertEqual(self.found(submit(1365500001, 5, 1), FAR, items=exact), (0, 1))

    def test_a_due_date_on_the_night_the_clocks_change(self):
        # 31 March has 23 hours and ends at 23:00 UTC
        for minute, on_time in (("22:59:59", 1), ("23:00:00", 0)):
            found = self.found(submit("2013-03-31 " + minute, 5, 1), FAR, items=[item(1, due="2013-03-31")])
            self.assertEqual(found, (on_time, 1))

    def test_the_first_submission_counts(self):
        rows = [submit("2013-04-15 10:00", 5, 1), submit("2013-04-09 10:00", 5, 1), FAR]
        self.assertEqual(self.found(*rows), (1, 1))

    def test_not_due_yet(self):
        # T is one second after the last event; due is 22:59:59 UTC
        self.assertIsNone(self.found(submit("2013-04-09 10:00", 5, 1), noise("2013-04-10 22:59:57")))
        self.assertEqual(self.found(submit("2013-04-09 10:00", 5, 1), noise("2013-04-10 22:59:58")), (1, 1))

    def test_enrolment_at_the_due_instant(self):
        self.assertIsNone(self.found(unenrol("2013-04-10 22:59:59", 5), FAR))
        self.assertEqual(self.found(unenrol("2013-04-10 23:00:00", 5), FAR), (0, 1))

    def test_due_before_start(self):
        late = [enrol("2013-04-10 22:59:59", 6), enrol("2013-04-10 23:00:00", 7)]
        self.assertEqual(self.found(*late, FAR), (0, 2))         # 5 and 6

    def test_back_in_time_for_the_due_date(self):
        # left before the start, so not in E0, but the pair is there
        rows = [unenrol("2013-03-10 10:00", 5), enrol("2013-04-01 10:00", 5), submit("2013-04-02 10:00", 5, 1), FAR]
        self.assertEqual(self.found(*rows), (1, 1))
        self.assertIsNone(self.figure("17"))

    def test_types_and_dates_left_out(self):
        items = [item(1), item(2, type="CMA"), item(3, due=""), item(4, course=11), item(5, due="2013-03-24")]
        self.assertEqual(self.found(FAR, items=items), (0, 1))
        self.assertEqual(self.found(FAR, items=items, left_out=()), (0, 2))

    def test_what_a_submission_is(self):
        quiz = "\\mod_quiz\\event\\attempt_submitted"
        for row, on_time in ((submit("2013-04-02 10:00", 5, 1, quiz), 1),
                             (submit("2013-04-02 10:00", 3, 1, relateduserid=5), 1),
                             (submit("2013-04-02 10:00", 5, 1, relateduserid=6), 0),
                             (submit("2013-04-02 10:00", 5, 2), 0),
                             (submit("2013-04-02 10:00", 5, 1, contextlevel=50), 0),
                             (submit("2013-04-02 10:00", 5, 1, "\\mod_assign\\event\\submission_created"), 0)):
            self.assertEqual(self.found(row, FAR), (on_time, 1), row)


class Success(Case):
    def found(self, *rows, items=(item(1),), **options):
        self.run_all(enrol("2013-03-01 10:00", 5), *rows, FAR, tables={"assessments": list(items)}, **options)
        return self.figure("15")

    def test_the_pass_mark_is_passed(self):
        for score, passed in (("40", 1), ("39.99999", 0), ('"40.00000"', 1)):
            self.assertEqual(self.found(grade("2013-04-02 10:00", 5, 1001, score)), (passed, 1))

    def test_half_of_the_maximum_without_a_pass_mark(self):
        for score, passed in (("3.5", 1), ("3.49", 0)):
            for none in ("0", "", "0.00000"):
                self.assertEqual(self.found(grade("2013-04-02 10:00", 5, 1001, score),
                                            items=[item(1, grademax="7", gradepass=none)]), (passed, 1))

    def test_the_last_score_counts(self):
        rows = [grade("2013-04-03 10:00", 5, 1001, 30), grade("2013-04-02 10:00", 5, 1001, 80)]
        self.assertEqual(self.found(*rows), (0, 1))
        self.assertEqual(self.found(*rows, until=at("2013-04-03 09:59:59")), (1, 1))
        self.assertEqual(self.found(grade("2013-04-02 10:00", 5, 1001, 30), grade("2013-04-02 10:00", 5, 1001, 80)), (1, 1))

    def test_no_score_no_pair(self):
        self.assertIsNone(self.found(grade("2013-04-02 10:00", 5, 1001, "null")))
        self.assertIsNone(self.found(grade("2013-04-02 10:00", 5, 1099, 50)))
        self.assertEqual(self.found(grade("2013-04-02 10:00", 5, 1001, 50), grade("2013-04-03 10:00", 5, 1001, "null")), (1, 1))

    def test_totals_and_items_without_a_maximum_are_left_out(self):
        row = grade("2013-04-02 10:00", 5, 1001, 50)
        self.assertIsNone(self.found(row, items=[item(1, itemtype="course")]))
        self.assertIsNone(self.found(row, items=[item(1, grademax="0")]))
        self.assertEqual(self.found(row, items=[item(1, itemtype="mod")]), (1, 1))

    def test_who_left_before_the_score(self):
        self.assertEqual(self.found(unenrol("2013-03-20 10:00", 5), grade("2013-04-02 10:00", 5, 1001, 50)), (1, 1))


class Scores(Case):
    def test_nearest_rank(self):
        self.assertEqual([nearest_rank([40, 10, 30, 20], p) for p in (25, 50, 75)], [10, 20, 30])
        self.assertEqual([nearest_rank([5, 1, 4, 2, 3], p) for p in (25, 50, 75)], [2, 3, 4])
        self.assertEqual([nearest_rank([9], p) for p in (25, 50, 75)], [9, 9, 9])

    def test_thousandths_of_a_percent(self):
        people = range(5, 9)
        scores = dict(zip(people, ("2", "1", "7", "4.5")))          # of 7
        self.run_all(*[enrol("2013-03-01 10:00", person) for person in people],
                     *[grade("2013-04-02 10:00", person, 1001, score) for person, score in scores.items()], FAR,
                     tables={"assessments": [item(1, grademax="7.00000", gradepass="0")]})
        self.assertEqual(self.figure("16p25"), ("", 4, 14286))      # 14.2857...
        self.assertEqual(self.figure("16median"), ("", 4, 28571))   # 28.5714...
        self.assertEqual(self.figure("16p75"), ("", 4, 64286))
        self.assertEqual(self.figure("15"), (2, 4))

    def test_half_a_thousandth_goes_up(self):
        self.run_all(enrol("2013-03-01 10:00", 5), grade("2013-04-02 10:00", 5, 1001, "1"), FAR,
                     tables={"assessments": [item(1, grademax="64000")]})       # 0.0015625 % = 1.5625 thousandths
        self.assertEqual(self.figure("16median"), ("", 1, 2))
        self.run_all(enrol("2013-03-01 10:00", 5), grade("2013-04-02 10:00", 5, 1001, "0.0005"), FAR,
                     tables={"assessments": [item(1)]})
        self.assertEqual(self.figure("16median"), ("", 1, 1))       # 0.5


if __name__ == "__main__":
    unittest.main()
