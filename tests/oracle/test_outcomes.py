"""18, 20 and 22 on hand-made cases; 17 and 21 are in test_indicators."""
import unittest

from cases import Case, at, complete, enrol, noise, unenrol, view, views
from quantiles import NOT_REACHED, survival_median

FREE = [{"id": "10", "startdate": "2013-03-25"}]         # no end
FAR = noise("2013-06-30 10:00")


class CompletionOfStarters(Case):
    def test_among_those_who_started(self):
        # 5 starts and completes; 6 starts; 7 completes without having started; 8 starts on the eighth day
        self.run_all(*[enrol("2013-03-01 10:00", person) for person in (5, 6, 7, 8)],
                     view("2013-03-26 10:00", 5), view("2013-03-26 10:00", 6), view("2013-03-31 23:00", 8),
                     complete("2013-04-10 10:00", 5), complete("2013-04-10 10:00", 7), complete("2013-04-10 10:00", 8), FAR)
        self.assertEqual(self.figure("7"), (2, 4))
        self.assertEqual(self.figure("18"), (1, 2))
        self.assertEqual(self.figure("17"), (3, 4))

    def test_immature_starters_wait(self):
        self.run_all(enrol("2013-04-10 10:00", 5), view("2013-04-11 10:00", 5), complete("2013-04-12 10:00", 5),
                     noise("2013-04-16 22:59:58"))
        self.assertIsNone(self.figure("18"))


class SurvivalMedian(unittest.TestCase):
    def test_half_is_reached_at_half(self):
        self.assertEqual(survival_median([(1, True), (2, True), (3, False), (4, False)]), 2)

    def test_events_before_censorings_at_ties(self):
        # S(2) = 1 - 1/2: who is censored on day 2 is still at risk; otherwise S would fall to 0
        self.assertEqual(survival_median([(2, True), (2, False)]), 2)
        # S(2) = 1 - 1/3, S(3) = 2/3 x 1/1 without event; censored first, S(2) would be 0
        self.assertEqual(survival_median([(2, True), (2, False), (2, False)]), NOT_REACHED)

    def test_censored_ones_leave_the_risk_set(self):
        # 4 at risk: S(1) = 3/4; two censored on day 2; then 1 at risk: S(3) = 0
        self.assertEqual(survival_median([(1, True), (2, False), (2, False), (3, True)]), 3)

    def test_several_events_of_a_day(self):
        self.assertEqual(survival_median([(5, True)] * 2 + [(5, False)] * 2 + [(9, True)]), 9)   # 3/5, then 0
        self.assertEqual(survival_median([(0, True)] * 3 + [(5, False)] * 3), 0)

    def test_not_reached(self):
        self.assertEqual(survival_median([(5, False)]), NOT_REACHED)
        self.assertEqual(survival_median([(1, True), (1, True), (1, False), (1, False), (1, False)]), NOT_REACHED)   # 3/5


class TimeToComplete(Case):
    def test_days_are_local(self):
        # starts on 25 March; 9 April 23:30 UTC is 10 April in London: 16 days
        self.run_all(enrol("2013-03-01 10:00", 5), complete("2013-04-09 23:30", 5), FAR, courses=FREE)
        self.assertEqual(self.figure("20median"), (1, 1, 16))

    def test_completed_before_the_start_is_day_0(self):
        self.run_all(enrol("2013-03-01 10:00", 5), complete("2013-03-20 10:00", 5), FAR)
        self.assertEqual(self.figure("20median"), (1, 1, 0))

    def test_leaving_censors_even_who_comes_back(self):
        # 5 completes on day 20, but left on day 10; 6 completes on day 30, alone at risk then
        rows = [enrol("2013-03-01 10:00", 5), unenrol("2013-04-04 10:00", 5), enrol("2013-04-10 10:00", 5),
                complete("2013-04-14 10:00", 5), enrol("2013-03-01 10:00", 6), complete("2013-04-24 10:00", 6), FAR]
        self.run_all(*rows)
        self.assertEqual(self.figure("20median"), (1, 2, 30))
        self.assertEqual(self.figure("17"), (2, 2))

    def test_a_completion_in_the_second_of_the_close(self):
        for second, seen in (("10:00:00", 1), ("10:00:01", 0)):
            self.run_all(enrol("2013-03-01 10:00", 5), unenrol("2013-04-04 10:00", 5), complete("2013-04-04 " + second, 5), FAR)
            self.assertEqual(self.figure("20median"), (seen, 1, 10 if seen else NOT_REACHED))

    def test_the_end_of_the_course_censors_on_the_day_after(self):
        # 5 starts on 25 March and is censored at 30 April 24:00: day 37. 6 starts on 26 March, completes on 2 May: too late.
        # 7 starts on 24 April and completes on 30 April: day 6
        self.run_all(enrol("2013-03-01 10:00", 5), enrol("2013-03-26 10:00", 6), complete("2013-05-02 10:00", 6),
                     enrol("2013-04-24 10:00", 7), complete("2013-04-30 22:59:59", 7), FAR)
        self.assertEqual(self.figure("20median"), (1, 3, NOT_REACHED))      # 2/3

    def test_half_of_two(self):
        self.run_all(enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 6), complete("2013-04-04 10:00", 5), FAR)
        self.assertEqual(self.figure("20median"), (1, 2, 10))

    def test_only_e0(self):
        self.run_all(enrol("2013-03-01 10:00", 5), unenrol("2013-03-02 10:00", 5), enrol("2013-03-01 10:00", 6), FAR)
        self.assertEqual(self.figure("20median"), (0, 1, NOT_REACHED))


class SilentDropout(Case):
    """T is 30 April 2013 12:00:01 UTC: day(T) - 21 = 9 April 00:00 BST = 8 April 23:00 UTC; - 35 = 26 March 00:00 UTC."""
    END = noise("2013-04-30 12:00")

    def found(self, *rows, courses=FREE, **options):
        self.run_all(noise("2013-01-01 10:00"), enrol("2013-01-02 10:00", 5), *rows, self.END, courses=courses, **options)
        return self.figure("22"), self.figure("22offline")

    def burst(self, when, *seconds):
        return views(when, 5, *(seconds or (0, 1, 2, 3, 4)), origin="ws")

    def test_silent_for_21_days(self):
        self.assertEqual(self.found(view("2013-04-08 22:59:59", 5)), ((1, 1), (0, 1)))
        self.assertEqual(self.found(view("2013-04-08 23:00:00", 5)), ((0, 1), (0, 1)))

    def test_without_action_from_start(self):
        self.assertEqual(self.found(), ((1, 1), (0, 1)))
        for day, gone in (("2013-04-08", 1), ("2013-04-09", 0)):
            self.assertEqual(self.found(courses=[{"id": "10", "startdate": day}])[0], (gone, 1))

    def test_an_early_action_is_the_last_action(self):
        # literal: seen in March, course begun on 20 April, silent
        self.assertEqual(self.found(view("2013-03-20 10:00", 5), courses=[{"id": "10", "startdate": "2013-04-20"}])[0], (1, 1))

    def test_neither_who_left_nor_who_completed(self):
        self.assertEqual(self.found(unenrol("2013-04-01 10:00", 5))[0], (0, 1))
        self.assertEqual(self.figure("21"), (1, 1))
        self.assertEqual(self.found(complete("2013-04-01 10:00", 5))[0], (0, 1))
        self.assertEqual(self.found(unenrol("2013-04-01 10:00", 5), enrol("2013-04-20 10:00", 5))[0], (1, 1))   # back, silent

    def test_up_to_the_end_of_the_course(self):
        # ends on 14 April 24:00 = 15 April 00:00 BST: day - 21 = 25 March 00:00 UTC; what came later changes nothing
        ended = [{"id": "10", "startdate": "2013-01-07", "enddate": "2013-04-14"}]
        late = [view("2013-04-20 10:00", 5), complete("2013-04-20 10:00", 5)]
        self.assertEqual(self.found(view("2013-03-24 23:59:59", 5), *late, courses=ended)[0], (1, 1))
        self.assertEqual(self.found(view("2013-03-25 00:00:00", 5), *late, courses=ended)[0], (0, 1))
        self.assertEqual(self.found(complete("2013-04-14 23:00", 5), courses=ended)[0], (0, 1))     # at end(c) itself
        self.assertEqual(self.found(complete("2013-04-14 23:00:01", 5), courses=ended)[0], (1, 1))

    def test_possibly_offline_has_35_days(self):
        self.assertEqual(self.found(*self.burst("2013-04-01 10:00")), ((0, 1), (1, 1)))
        self.assertEqual(self.found(*self.burst("2013-03-20 10:00")), ((1, 1), (0, 1)))
        # a burst, then a last action a second before, or at, 26 March 00:00 UTC
        for second, gone in (("2013-03-25 23:59:59", 1), ("2013-03-26 00:00:00", 0)):
            self.assertEqual(self.found(*self.burst("2013-03-20 10:00"), view(second, 5)), ((gone, 1), (1 - gone, 1)))

    def test_the_last_action_may_be_the_burst_s_own_first(self):
        self.assertEqual(self.found(*self.burst("2013-04-01 10:00", 0, 0, 0, 0, 0)), ((0, 1), (1, 1)))

    def test_not_silent_is_not_possibly_offline(self):
        self.assertEqual(self.found(*self.burst("2013-04-25 10:00")), ((0, 1), (0, 1)))

    def test_the_burst_is_at_most_60_days_before_the_last_action(self):
        last = at("2013-04-01 10:00")
        for before, offline in ((60 * 86400, 1), (60 * 86400 + 1, 0)):
            rows = [view(last - before + second, 5, origin="ws") for second in range(5)] + [view(last, 5)]
            self.assertEqual(self.found(*rows), ((1 - offline, 1), (offline, 1)))

    def test_not_enough_evidence(self):
        # 95 % of 21 days = 1,723,680 s
        end = at("2013-04-30 12:00:01")
        for missing, known in ((21 * 86400 // 20, True), (21 * 86400 // 20 + 1, False)):
            hole = [(0, end - 10 * 86400 - missing), (end - 10 * 86400, end)]
            self.found(coverage=hole)
            self.assertEqual(self.figure("22"), (1, 1) if known else None)
            self.assertEqual(self.figure("22evidence"), (0, 1) if known else (1, 1))

    def test_a_log_of_ten_days_is_not_enough(self):
        self.run_all(enrol("2013-04-20 10:00", 5), self.END, courses=FREE)
        self.assertIsNone(self.figure("22"))
        self.assertIsNone(self.figure("22offline"))
        self.assertEqual(self.figure("22evidence"), (1, 1))


if __name__ == "__main__":
    unittest.main()
