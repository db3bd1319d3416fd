"""35, 36 and 37 on hand-made cases."""
import unittest

from cases import Case, enrol, noise, unenrol, view, views
from work import runs

FAR = noise("2013-06-30 10:00")
NOON = "2013-04-02 12:00"


class MobileShare(Case):
    def test_learners_actions_only(self):
        self.run_all(enrol("2013-03-01 10:00", 5), *views(NOON, 5, 0, 1, 2), *views(NOON, 5, 3, origin="ws"),
                     *views(NOON, 9, 4, origin="ws"), *views(NOON, 5, 5, origin="cli"), FAR)
        self.assertEqual(self.figure("35"), (1, 5))

    def test_within_the_interval(self):
        self.run_all(enrol("2013-03-01 10:00", 5), *views(NOON, 5, 0), unenrol("2013-04-03 10:00", 5),
                     view("2013-04-04 10:00", 5, origin="ws"), enrol("2013-04-05 10:00", 5),
                     view("2013-04-05 10:00", 5, origin="ws"), view("2013-05-20 10:00", 5, origin="ws"), FAR)
        self.assertEqual(self.figure("35"), (2, 3))              # after the course's end too


class Bursts(Case):
    def found(self, *rows):
        self.run_all(enrol("2013-03-01 10:00", 5), *rows, FAR)
        return self.figure("36")

    def ws(self, *seconds):
        return views(NOON, 5, *seconds, origin="ws")

    def test_five_within_sixty_seconds(self):
        self.assertEqual(self.found(*self.ws(0, 10, 20, 30, 60)), (1, 1))
        self.assertEqual(self.found(*self.ws(0, 10, 20, 30, 61)), (0, 1))
        self.assertEqual(self.found(*self.ws(0, 10, 20, 30)), (0, 1))
        self.assertEqual(self.found(*self.ws(0, 0, 0, 0, 0)), (1, 1))

    def test_after_24_hours_without_action(self):
        burst = self.ws(0, 1, 2, 3, 4)
        for before, found in ((-86400, 1), (-86399, 0)):
            self.assertEqual(self.found(*views(NOON, 5, before), *burst), (found, 1))

    def test_an_action_of_any_origin_just_before_spoils_it(self):
        self.assertEqual(self.found(*views(NOON, 5, -1), *self.ws(0, 1, 2, 3, 4)), (0, 1))
        self.assertEqual(self.found(*views(NOON, 5, 0), *self.ws(0, 1, 2, 3, 4)), (1, 1))    # same second: not before

    def test_the_sixty_seconds_run_from_the_first(self):
        # the gap is before second 0; five ws actions are only found from second 30 on
        self.assertEqual(self.found(*self.ws(0, 30, 40, 50, 70, 80)), (0, 1))

    def test_other_actions_between_do_not_matter(self):
        self.assertEqual(self.found(*self.ws(0, 10), *views(NOON, 5, 15, 16), *self.ws(20, 30, 40)), (1, 1))
        self.assertEqual(self.found(*self.ws(0, 10), *views(NOON, 5, 15, 16), *self.ws(20, 30)), (0, 1))

    def test_only_active_learners(self):
        self.assertEqual(self.found(enrol("2013-03-01 10:00", 6), *self.ws(0, 1, 2, 3, 4)), (1, 1))
        self.assertIsNone(self.found(enrol("2013-03-01 10:00", 6)))

    def test_two_bursts_are_one_learner(self):
        self.assertEqual(self.found(*self.ws(0, 1, 2, 3, 4), *self.ws(*range(200000, 200005))), (1, 1))

    def test_actions_elsewhere_or_outside_are_no_actions_of_e(self):
        self.assertEqual(self.found(*views(NOON, 5, -60, courseid=11), *self.ws(0, 1, 2, 3, 4)), (1, 1))
        self.run_all(*self.ws(-60), enrol(NOON, 5), *self.ws(0, 1, 2, 3, 4), FAR)
        self.assertEqual(self.figure("36"), (1, 1))


class Fragmented(Case):
    def found(self, *seconds):
        self.run_all(enrol("2013-03-01 10:00", 5), *views(NOON, 5, *seconds), FAR)
        return self.figure("37")

    def test_runs(self):
        self.assertEqual(runs([0, 180, 360, 541]), [(0, 360), (541, 541)])
        self.assertEqual(runs([]), [])

    def test_a_short_run_and_another(self):
        self.assertEqual(self.found(0, 100, 400), (1, 2))            # 300 s after the first run's end
        self.assertEqual(self.found(0, 100), (0, 1))

    def test_three_minutes_are_not_short(self):
        self.assertEqual(self.found(0, 90, 179, 500), (1, 2))
        self.assertEqual(self.found(0, 90, 180, 500), (0, 2))

    def test_ten_minutes_are_too_late(self):
        self.assertEqual(self.found(0, 100, 699), (1, 2))
        self.assertEqual(self.found(0, 100, 700), (0, 2))

    def test_three_runs(self):
        self.assertEqual(self.found(0, 300, 600, 5000), (2, 4))

    def test_each_course_has_its_own_runs(self):
        self.run_all(enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 5, 99, courseid=11), *views(NOON, 5, 0, 300),
                     *views(NOON, 5, 150, courseid=11), FAR)
        self.assertEqual(self.figure("37"), (1, 2))
        self.assertEqual(self.figure("37", course="11"), (0, 1))
        self.assertEqual(self.figure("37", course="*"), (1, 3))


if __name__ == "__main__":
    unittest.main()
