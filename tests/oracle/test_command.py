"""The command with --all: folders, options, form of the output."""
import csv
import io
import json
import os
import tempfile
import unittest
from contextlib import redirect_stderr

from cases import LONDON, at, complete, enrol, grade, noise, submit, view
from indicators import main

HEADER = "indicator,course,week,sex,age,country,numerator,denominator,value"


class Command(unittest.TestCase):
    FILES = {"people.csv": "id,sex,age_band,region\n5,F,0-35,Wales\n6,M,0-35,\n",
             "courses.csv": "id,startdate,enddate\n10,2013-03-25,2013-04-30\n",
             "assessments.csv": "cmid,itemid,courseid,type,due,grademax,gradepass\n1,1001,10,TMA,2013-04-10,100,40\n",
             "gradings.csv": f"kind,courseid,cmid,person,time\nsubmission,10,1,5,{at('2013-04-09 10:00')}\n"}

    def run_command(self, *options, files=None):
        rows = [enrol("2013-03-01 10:00", 5), enrol("2013-03-01 10:00", 6), view("2013-04-02 10:00", 5),
                submit("2013-04-09 10:00", 5, 1), grade("2013-04-12 10:00", 5, 1001, 68), complete("2013-04-20 10:00", 5),
                noise("2013-06-30 10:00")]
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**self.FILES, **(files or {})}.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            with open(os.path.join(folder, "log.jsonl"), "w", encoding="utf-8") as file:
                file.writelines(json.dumps({"id": n, **row}) + "\n" for n, row in enumerate(rows, 1))
            out = os.path.join(folder, "out.csv")
            self.messages = io.StringIO()
            with redirect_stderr(self.messages):
                main([folder, "--time-zone", LONDON, "--map", "region=country", "--out", out, *options])
            with open(out, encoding="utf-8", newline="") as file:
                return file.read().split("\n")

    def test_a_folder_with_its_tables(self):
        lines = self.run_command("--all")
        self.assertEqual(lines[0], HEADER)
        for line in ("14,10,*,*,*,*,1,2,", "15,10,*,F,*,Wales,1,1,", "16median,*,*,*,*,*,,1,68000", "26backlog,10,*,*,*,*,1,,",
                     "20median,10,*,F,0-35,*,1,1,26", "20median,10,*,M,0-35,*,0,1,non atteint", "2open,*,*,*,*,inconnu,1,,"):
            self.assertIn(line, lines)
        self.assertIn("non mesurable", self.messages.getvalue())

    def test_rows_are_sorted_and_each_key_is_there_once(self):
        keys = [row[:6] for row in csv.reader(self.run_command("--all")[1:-1])]
        self.assertEqual(keys, sorted(keys))
        self.assertEqual(len(keys), len(set(map(tuple, keys))))

    def test_without_all_nothing_is_added(self):
        lines = self.run_command()
        self.assertEqual(lines[0], HEADER.removesuffix(",value"))
        self.assertEqual({line.split(",")[0] for line in lines[1:-1]}, {"2", "2open", "7", "9", "17", "21"})
        self.assertEqual({line.split(",")[1] for line in lines[1:-1]}, {"10"})

    def test_until_a_week(self):
        lines = self.run_command("--all", "--until", "2013-W15")
        self.assertIn("17,10,*,*,*,*,0,2,", lines)
        self.assertIn("15,10,*,*,*,*,1,1,", lines)
        self.assertNotIn("14,10,*,*,*,*,1,2,", self.run_command("--all", "--until", "2013-W14"))

    def test_an_option_comes_before_the_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "none.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("id,startdate,enddate\n")
            self.assertIn("20median,10,*,F,0-35,*,1,1,50", self.run_command("--all", "--courses", path))

    def test_what_the_plugin_counted(self):
        lines = self.run_command("--all", files={"rows.csv": "day,committed,written\n2013-04-02,9,10\n"})
        self.assertIn("38,*,2013-04-02,*,*,*,9,10,", lines)
        self.assertNotIn("non mesurable", self.messages.getvalue())


if __name__ == "__main__":
    unittest.main()
