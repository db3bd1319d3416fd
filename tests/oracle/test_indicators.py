"""Tiny cases counted by hand: python3 -m unittest discover -s tests/oracle"""
import csv
import gzip
import io
import os
import tempfile
import unittest
from datetime import date

import indicators
from cases import LONDON, Case, at, complete, enrol, event, noise, unenrol, view
from eventlog import COMPLETED, NEVER, ROLE_ASSIGNED, USER_DELETED
from indicators import main
from localtime import Zone
from logfile import parse_other, read_rows


class LocalTime(Case):
    def test_spring_night_is_an_hour_short(self):
        # 7 days from 25 March 00:00 GMT end on 1 April 00:00 BST = 31 March 23:00 UTC
        for minute, found in (("22:59:59", 1), ("23:00:00", 0)):
            self.run_log(enrol("2013-03-20 10:00", 5), view("2013-03-31 " + minute, 5), noise("2013-05-20 10:00"))
            self.assertEqual(self.figure("7"), (found, 1))
            self.assertEqual(self.figure("9", "2013-W13"), (found, 1))
            self.assertEqual(self.figure("9", "2013-W14"), (1 - found, 1))

    def test_autumn_night_is_an_hour_long(self):
        # 27 October 23:30 UTC is still Sunday; with summer time kept it would be Monday 00:30
        self.run_log(enrol("2013-10-21 10:00", 5), view("2013-10-27 23:30", 5), noise("2013-10-29 10:00"), courses=[])
        self.assertEqual(self.figure("9", "2013-W43"), (1, 1))
        self.assertEqual(self.figure("9", "2013-W44"), (0, 1))

    def test_week_53(self):
        self.run_log(enrol("2020-12-28 10:00", 5), view("2021-01-03 23:59:59", 5), noise("2021-01-05 10:00"), courses=[])
        self.assertEqual(self.figure("9", "2020-W53"), (1, 1))
        self.assertEqual(self.figure("9", "2021-W01"), (0, 1))
        self.assertIsNone(self.figure("9", "2020-W52"))
        self.assertIsNone(self.figure("9", "2021-W02"))

    def test_midnight_that_does_not_exist(self):
        # Cairo, 28 April 2023: 00:00 jumps to 01:00, at 27 April 22:00 UTC
        self.assertEqual(Zone("Africa/Cairo").midnight(date(2023, 4, 28)), at("2023-04-27 22:00"))

    def test_coverage_ending_on_a_monday_midnight(self):
        # T is the first instant of W02: the week holds T, but nothing of it is covered
        self.run_log(enrol("2021-01-04 10:00", 5), view("2021-01-10 23:59:59", 5), courses=[])
        self.assertEqual(self.figure("9", "2021-W01"), (1, 1))
        self.assertIsNone(self.figure("9", "2021-W02"))
        self.assertIsNone(self.figure("2", "2021-W02"))


class Intervals(Case):
    def intervals(self, *rows):
        self.run_log(*rows, courses=[])
        return self.log.intervals().get((5, 10))

    def test_break_under_24_hours_is_merged(self):
        rows = [enrol("2013-04-01 10:00", 5, 1), unenrol("2013-04-02 10:00", 5, 1), enrol("2013-04-03 09:59:59", 5, 2),
                view("2013-04-02 20:00", 5)]
        self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), NEVER)])
        self.assertEqual(self.figure("9", "2013-W14"), (1, 1))      # an action in the merged break counts

    def test_break_of_24_hours_is_not(self):
        rows = [enrol("2013-04-01 10:00", 5, 1), unenrol("2013-04-02 10:00", 5, 1), enrol("2013-04-03 10:00", 5, 2),
                view("2013-04-02 20:00", 5)]
        self.assertEqual(len(self.intervals(*rows)), 2)
        self.assertEqual(self.figure("9", "2013-W14"), (0, 1))

    def test_two_methods_are_one_enrolment(self):
        rows = [enrol("2013-04-01 10:00", 5, 1), enrol("2013-04-05 10:00", 5, 2), unenrol("2013-04-09 10:00", 5, 1),
                noise("2013-04-20 10:00")]
        self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), NEVER)])
        self.assertEqual(self.figure("2"), (1, ""))
        self.assertEqual(self.figure("2open"), (1, ""))
        self.assertEqual(len(self.intervals(*rows, unenrol("2013-04-21 10:00", 5, 2))), 1)
        self.assertIsNone(self.figure("2open"))

    def test_deletion_without_creation(self):
        self.assertIsNone(self.intervals(unenrol("2013-04-02 10:00", 5), noise("2013-04-20 10:00")))
        self.assertEqual(self.log.notes["enrolment deletion without a creation"], 2)    # asked twice
        self.assertEqual(self.table, {})

    def test_deletion_names_the_row_in_other(self):
        php = 'a:2:{s:13:"userenrolment";a:2:{s:4:"note";s:3:"é;";s:2:"id";s:1:"1";}s:5:"enrol";s:6:"manual";}'
        for other in ('{"userenrolment": {"id": "1"}}', php, {"userenrolment": {"id": 1}}):
            rows = [enrol("2013-04-01 10:00", 5, 1), unenrol("2013-04-02 10:00", 5, 99, other=other)]
            self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), at("2013-04-02 10:00"))])

    def test_repeated_rows_change_nothing(self):
        rows = [enrol("2013-04-01 10:00", 5), enrol("2013-04-02 10:00", 5)] + 2 * [unenrol("2013-04-03 10:00", 5)]
        self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), at("2013-04-03 10:00"))])
        self.assertEqual(self.log.notes, {})

    def test_rows_out_of_order(self):
        rows = [unenrol("2013-04-02 10:00", 5), enrol("2013-04-01 10:00", 5)]
        self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), at("2013-04-02 10:00"))])

    def test_deleted_account_closes_everything(self):
        gone = event("2013-04-03 10:00", USER_DELETED, 2, 5, course=0, objectid=5)
        rows = [enrol("2013-04-01 10:00", 5, 1), enrol("2013-04-02 10:00", 5, 2), gone,
                unenrol("2013-04-03 11:00", 5, 1)]
        self.assertEqual(self.intervals(*rows), [(at("2013-04-01 10:00"), at("2013-04-03 10:00"))])
        self.assertEqual(self.log.notes, {})

    def test_interval_without_length(self):
        self.assertIsNone(self.intervals(enrol("2013-04-01 10:00", 5), unenrol("2013-04-01 10:00", 5)))


class Counting(Case):
    def test_late_start_counts_from_its_own_day(self):
        # starts on 10 April, so its seven days end on 17 April 00:00 BST
        for when, found in (("2013-04-16 22:59:59", 1), ("2013-04-16 23:00", 0)):
            self.run_log(enrol("2013-04-10 10:00", 5), view(when, 5), noise("2013-05-20 10:00"))
            self.assertEqual(self.figure("7"), (found, 1))

    def test_immature_counts_in_neither_part(self):
        # matures on 16 April 23:00 UTC; T is one second after the last event
        rows = [enrol("2013-04-10 10:00", 5), view("2013-04-11 10:00", 5)]
        self.run_log(*rows, noise("2013-04-16 22:59:58"))
        self.assertIsNone(self.figure("7"))
        self.assertEqual(self.figure("17"), (0, 1))
        self.run_log(*rows, noise("2013-04-16 22:59:59"))
        self.assertEqual(self.figure("7"), (1, 1))

    def test_only_the_persons_own_work_is_an_action(self):
        when = "2013-04-10 10:00"
        for more, found in (({}, 1), ({"anonymous": 1}, 0), ({"realuserid": 2}, 0), ({"realuserid": 5}, 1),
                            ({"realuserid": "5", "userid": "5", "edulevel": "2"}, 1), ({"origin": "restore"}, 0),
                            ({"origin": None}, 1), ({"origin": "cli"}, 1), ({"edulevel": 1}, 0),
                            ({"courseid": 11}, 0), ({"userid": 2, "relateduserid": 5}, 0),
                            ({"eventname": COMPLETED}, 0),
                            ({"eventname": "\\core\\event\\course_module_completion_updated"}, 0)):
            self.run_log(enrol("2013-04-08 10:00", 5), {**view(when, 5), **more}, noise("2013-04-20 10:00"))
            self.assertEqual(self.figure("9", "2013-W15"), (found, 1), more)

    def test_actions_outside_an_interval(self):
        self.run_log(enrol("2013-04-08 10:00", 5), unenrol("2013-04-09 10:00", 5), view("2013-04-09 10:00", 5),
                     view("2013-04-08 09:59:59", 5), noise("2013-04-20 10:00"))
        self.assertEqual(self.figure("9", "2013-W15"), (0, 1))

    def test_withdrawn_before_the_start(self):
        # enrolled, but never in E0
        self.run_log(enrol("2013-03-01 10:00", 5), unenrol("2013-03-20 10:00", 5), noise("2013-05-20 10:00"))
        self.assertEqual(self.figure("2"), (1, ""))
        self.assertEqual(self.figure("2", "2013-W12"), (1, ""))
        self.assertIsNone(self.figure("2", "2013-W13"))
        for indicator in ("7", "17", "21", "2open"):
            self.assertIsNone(self.figure(indicator))

    def test_open_weeks(self):
        # early and late work: 7 has no lower bound, 9 stays within the course's dates
        self.run_log(enrol("2013-03-01 10:00", 5), view("2013-03-20 10:00", 5), view("2013-05-01 10:00", 5),
                     noise("2013-05-20 10:00"))
        self.assertEqual(self.figure("7"), (1, 1))
        self.assertIsNone(self.figure("9", "2013-W12"))
        self.assertEqual(self.figure("9", "2013-W18"), (0, 1))      # open on 29 and 30 April only
        self.assertIsNone(self.figure("9", "2013-W19"))
        self.assertEqual(self.figure("2", "2013-W19"), (1, ""))

    def test_completion(self):
        self.run_log(enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 6), enrol("2013-03-01 10:00", 7),
                     complete("2013-04-10 10:00", 2, 5), complete("2013-04-10 10:00", 6), noise("2013-05-20 10:00"))
        self.assertEqual(self.figure("17"), (2, 3))
        self.assertEqual(self.figure("21"), (0, 3))

    def test_declared_dropout(self):
        # 5 leaves; 6 completes, then leaves; 7 and 9 leave after the end (30 April 24:00 BST = 23:00 UTC), 11 on the
        # last day; 8 leaves and completes after the end: so 5, 8 and 11
        self.run_log(*[enrol("2013-03-01 10:00", person) for person in (5, 6, 7, 8, 9, 11)],
                     unenrol("2013-04-30 23:00:01", 9), unenrol("2013-04-30 12:00", 11),
                     unenrol("2013-04-10 10:00", 5), complete("2013-04-10 10:00", 6), unenrol("2013-04-11 10:00", 6),
                     unenrol("2013-04-30 23:00:01", 7), unenrol("2013-04-12 10:00", 8), complete("2013-05-02 10:00", 8),
                     noise("2013-05-20 10:00"))
        self.assertEqual(self.figure("21"), (3, 6))
        self.assertEqual(self.figure("17"), (2, 6))

    def test_start_after_the_end_of_coverage(self):
        # enrolled in advance: enrolled, not yet in E0
        self.run_log(enrol("2013-03-01 10:00", 5), noise("2013-03-20 10:00"))
        self.assertEqual(self.figure("2open"), (1, ""))
        self.assertIsNone(self.figure("17"))

    def test_learners_by_role(self):
        rows = [enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 6), noise("2013-04-20 10:00")]
        role = event("2013-03-01 10:00", ROLE_ASSIGNED, 2, 6, objectid=5)
        self.run_log(*rows)
        self.assertEqual(self.figure("2"), (2, ""))
        self.run_log(*rows, role)
        self.assertEqual(self.figure("2"), (1, ""))
        self.run_log(*rows, role, learner_roles=(9,))
        self.assertIsNone(self.figure("2"))
        self.run_log(*rows, {**role, "courseid": 11})
        self.assertIsNone(self.figure("2"))

    def test_dimensions(self):
        # 5 turns 18 on the day of start(e), 6 the day after; 7 is in no people file
        people = [{"id": "5", "sex": "F", "birthdate": "1995-03-25", "region": "Wales"},
                  {"id": "6", "sex": "F", "birthdate": "1995-03-26", "region": ""}]
        self.run_log(*[enrol("2013-03-01 10:00", person) for person in (5, 6, 7)], noise("2013-04-20 10:00"),
                     people=people, mapping={"region": "country"})
        self.assertEqual(self.figure("17", cut=("F", "*", "*")), (0, 2))
        self.assertEqual(self.figure("17", cut=("*", "18-24", "*")), (0, 1))
        self.assertEqual(self.figure("17", cut=("*", "<18", "*")), (0, 1))
        self.assertEqual(self.figure("17", cut=("*", "*", "inconnu")), (0, 2))
        self.assertEqual(self.figure("17", cut=("F", "18-24", "Wales")), (0, 1))
        self.assertEqual(self.figure("17", cut=("inconnu", "inconnu", "inconnu")), (0, 1))


class Files(unittest.TestCase):
    LINES = ('{"id":1,"eventname":"a","timecreated":"100"}\n{"id":2,"eventname":"b","timecreated":200}\n'
             '{"id":3,"eventname":"c","timec')

    def read(self, data):
        notes = []
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            with open(path, "wb") as file:
                file.write(data)
            return [row["eventname"] for row in read_rows(path, notes.append)], notes

    def test_truncated_last_line(self):
        data = self.LINES.encode()
        self.assertEqual(self.read(data), (["a", "b"], ["truncated last line"]))
        self.assertEqual(self.read(gzip.compress(data)), (["a", "b"], ["truncated last line"]))
        self.assertEqual(self.read(b"id,eventname,timecreated\n1,a,100\n2,b,200\n3,c"),
                         (["a", "b"], ["truncated last line"]))

    def test_gzip_cut_short(self):
        packed = gzip.compress(self.LINES.encode())
        self.assertEqual(self.read(packed[:-4]), (["a", "b"], ["gzip stream cut short"]))

    def test_other(self):
        for text in (None, "", "null", "N;", "7", "garbage", 'a:1:{s:2:"i'):
            self.assertEqual(parse_other(text), {})
        self.assertEqual(parse_other('O:8:"stdClass":2:{s:1:"a";d:0.5;s:1:"b";b:1;}'), {"a": 0.5, "b": 1})

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            log, out = os.path.join(folder, "log.csv"), os.path.join(folder, "out.csv.gz")
            rows = [{"id": "1", **enrol("2013-04-08 10:00", 5)}, {"id": "2", **view("2013-04-09 10:00", 5)}]
            with open(log, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)                  # None is written as an empty field
            saved, indicators.sys.stderr = indicators.sys.stderr, io.StringIO()
            try:
                main([log, "--time-zone", LONDON, "--out", out])
            finally:
                indicators.sys.stderr = saved
            with gzip.open(out, "rt", encoding="utf-8", newline="") as file:
                lines = file.read().split("\n")
            self.assertEqual(lines[0], "indicator,course,week,sex,age,country,numerator,denominator")
            self.assertIn("9,10,2013-W15,*,*,*,1,1", lines)
            self.assertIn("2open,10,*,*,*,*,1,", lines)


if __name__ == "__main__":
    unittest.main()
