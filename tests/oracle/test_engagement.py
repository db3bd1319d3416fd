"""7 to 11 on hand-made cases."""
import unittest

from cases import Case, at, complete, enrol, noise, unenrol, view, views

FAR = noise("2013-06-30 10:00")
FREE = [{"id": "10"}]                        # a course without dates


class Start(Case):
    def test_the_first_table_s_indicators_are_the_same_with_all(self):
        rows = [enrol("2013-03-20 10:00", 5), view("2013-03-31 22:59:59", 5), complete("2013-04-10 10:00", 5), FAR]
        self.run_log(*rows)
        first = self.table
        self.run_all(*rows)
        for key, value in first.items():
            self.assertEqual(self.table[key], value + ("",))


class NoShow(Case):
    def test_spring_night_within_the_two_weeks(self):
        # 14 days from 25 March 00:00 GMT end on 8 April 00:00 BST = 7 April 23:00 UTC
        for minute, shown in (("22:59:59", 0), ("23:00:00", 1)):
            self.run_all(enrol("2013-03-20 10:00", 5), view("2013-04-07 " + minute, 5), FAR)
            self.assertEqual(self.figure("8"), (shown, 1))

    def test_early_work_is_work(self):
        self.run_all(enrol("2013-03-01 10:00", 5), view("2013-03-02 10:00", 5), FAR)
        self.assertEqual(self.figure("8"), (0, 1))

    def test_immature_counts_in_neither_part(self):
        # enrolled on 10 April: matures on 24 April 00:00 BST = 23 April 23:00 UTC; T is a second after the last event
        self.run_all(enrol("2013-04-10 10:00", 5), noise("2013-04-23 22:59:58"))
        self.assertIsNone(self.figure("8"))
        self.assertEqual(self.figure("7"), (0, 1))
        self.run_all(enrol("2013-04-10 10:00", 5), noise("2013-04-23 22:59:59"))
        self.assertEqual(self.figure("8"), (1, 1))

    def test_back_after_leaving_before_the_start_is_not_in_e0(self):
        self.run_all(enrol("2013-03-01 10:00", 5), unenrol("2013-03-10 10:00", 5), enrol("2013-03-27 10:00", 5), FAR)
        self.assertEqual(self.figure("2"), (1, ""))
        self.assertIsNone(self.figure("8"))

    def test_gone_the_next_day_is_still_a_no_show(self):
        self.run_all(enrol("2013-03-01 10:00", 5), unenrol("2013-03-26 10:00", 5), view("2013-03-27 10:00", 5), FAR)
        self.assertEqual(self.figure("8"), (1, 1))


class ActiveDays(Case):
    def test_days_are_local(self):
        # 23:30 UTC on Tuesday 2 April is Wednesday in London: days 3 and 4 April
        self.run_all(enrol("2013-03-20 10:00", 5), view("2013-04-02 23:30", 5), view("2013-04-03 10:00", 5),
                     view("2013-04-04 10:00", 5), FAR)
        self.assertEqual(self.figure("10", "2013-W14"), (2, 1))

    def test_the_hour_lived_twice_is_one_day(self):
        # 27 October 2013: 00:30 BST, 01:30 BST, 01:30 GMT, 23:30 GMT; then Monday 28 October 00:30
        self.run_all(enrol("2013-10-01 10:00", 5), *[view(when, 5) for when in (
            "2013-10-26 23:30", "2013-10-27 00:30", "2013-10-27 01:30", "2013-10-27 23:30", "2013-10-28 00:30")],
            noise("2013-11-30 10:00"), courses=FREE)
        self.assertEqual(self.figure("10", "2013-W43"), (1, 1))
        self.assertEqual(self.figure("10", "2013-W44"), (1, 1))

    def test_active_e_only(self):
        self.run_all(enrol("2013-03-20 10:00", 5), enrol("2013-03-20 10:00", 6), view("2013-04-02 10:00", 5), FAR)
        self.assertEqual(self.figure("10", "2013-W14"), (1, 1))
        self.assertEqual(self.figure("9", "2013-W14"), (1, 2))
        self.assertIsNone(self.figure("10", "2013-W15"))

    def test_dates_decide_who_is_active_not_which_days_count(self):
        # the course ends on Tuesday 30 April: Thursday 2 May counts for 5 only, who was active before
        self.run_all(enrol("2013-03-20 10:00", 5), enrol("2013-03-20 10:00", 6), view("2013-04-30 22:59:59", 5),
                     view("2013-05-02 10:00", 5), view("2013-04-30 23:00", 6), FAR)
        self.assertEqual(self.figure("10", "2013-W18"), (2, 1))

    def test_week_53(self):
        self.run_all(enrol("2020-12-21 10:00", 5), *[view(when, 5) for when in (
            "2020-12-31 10:00", "2021-01-01 10:00", "2021-01-03 23:59:59", "2021-01-04 00:00")],
            noise("2021-01-20 10:00"), courses=FREE)
        self.assertEqual(self.figure("10", "2020-W53"), (3, 1))
        self.assertEqual(self.figure("10", "2021-W01"), (1, 1))


class Regularity(Case):
    def weeks(self, *found, enrolled="2013-03-24 23:00", rows=()):
        """A view on the Tuesday noon of each of these weeks, of W13 to W18; the course begins with W13."""
        tuesdays = {13 + n: at("2013-03-26 12:00") + n * 7 * 86400 for n in range(6)}
        self.run_all(noise("2013-03-01 10:00"), enrol(enrolled, 5), *[view(tuesdays[week], 5) for week in found], *rows, FAR)

    def test_three_of_four(self):
        self.weeks(13, 15, 16)
        self.assertIsNone(self.figure("11", "2013-W15"))         # not four weeks yet
        self.assertEqual(self.figure("11", "2013-W16"), (1, 1))
        self.assertEqual(self.figure("11", "2013-W17"), (0, 1))  # 15 and 16 only

    def test_enrolled_at_the_very_beginning_of_the_first_week(self):
        # the course has no BST yet on Monday 25 March: its 00:00 is 00:00 UTC
        self.weeks(13, 14, 15, enrolled="2013-03-25 00:00")
        self.assertEqual(self.figure("11", "2013-W16"), (1, 1))
        self.weeks(13, 14, 15, enrolled="2013-03-25 00:00:01")
        self.assertIsNone(self.figure("11", "2013-W16"))
        self.assertEqual(self.figure("11", "2013-W17"), (0, 1))

    def test_a_break_of_a_day_is_two_intervals(self):
        away = [unenrol("2013-04-06 10:00", 5), enrol("2013-04-07 10:00", 5)]
        self.weeks(13, 14, 15, 16, rows=away)
        self.assertIsNone(self.figure("11", "2013-W16"))
        self.assertIsNone(self.figure("11", "2013-W17"))         # W14 is the first of its four
        self.assertEqual(self.figure("11", "2013-W18"), (0, 1))
        self.weeks(13, 14, 15, 16, rows=[away[0], enrol("2013-04-07 09:59:59", 5)])
        self.assertEqual(self.figure("11", "2013-W16"), (1, 1))

    def test_leaving_at_the_end_of_the_fourth_week_or_a_second_before(self):
        for second, found in (("23:00:00", (1, 1)), ("22:59:59", None)):
            self.weeks(13, 14, 15, rows=[unenrol("2013-04-21 " + second, 5)])
            self.assertEqual(self.figure("11", "2013-W16"), found)

    def test_the_current_week_counts_up_to_t(self):
        self.run_all(enrol("2013-03-20 10:00", 5), *views("2013-03-26 12:00", 5, 0, 604800, 2 * 604800),
                     noise("2013-04-17 10:00"))
        self.assertEqual(self.figure("11", "2013-W16"), (1, 1))

    def test_a_week_of_which_nothing_is_covered_has_no_row(self):
        # T is Monday 22 April 00:00 BST
        self.run_all(enrol("2013-03-20 10:00", 5), *views("2013-03-26 12:00", 5, 0, 604800, 2 * 604800),
                     noise("2013-04-21 22:59:59"))
        self.assertEqual(self.figure("11", "2013-W16"), (1, 1))
        self.assertIsNone(self.figure("11", "2013-W17"))

    def test_an_action_in_the_first_second_of_the_course(self):
        for second, active in (("2013-03-25 00:00:00", 1), ("2013-03-24 23:59:59", 0)):
            self.run_all(enrol("2013-03-01 10:00", 5), view(second, 5), FAR)
            self.assertEqual(self.figure("9", "2013-W13"), (active, 1))

    def test_work_before_the_course_is_not_active(self):
        self.run_all(enrol("2013-02-20 10:00", 5), *views("2013-03-05 12:00", 5, 0, 604800, 2 * 604800, 3 * 604800), FAR)
        self.assertEqual(self.figure("11", "2013-W13"), (0, 1))


if __name__ == "__main__":
    unittest.main()
