#!/usr/bin/env python3
"""Test oracle: indicators from a Moodle log, by the definitions alone.

It shares no code with the product, so that an error has to be made twice to go unseen.
Where a definition leaves room, the choice is numbered in README.md ("Readings", R1, R2, ...)
and the code names the number. Standard library only.
"""
import argparse
import gzip
import os
import sys

import completeness
import engagement
import outcomes
import progress
import reach
import results
import satisfaction
import tutoring
import work
from cells import ALL_CUTS, FIRST_CUTS, HEADER, Cells, to_csv
from enrolments import Site, population
from eventlog import Log
from localtime import Zone
from logfile import read_rows, read_table
from people import People

# Tables that only some sites have; each is an option and the name of a file beside the log.
TABLES = ("people", "courses", "assessments", "activities", "completions", "feedback", "posts", "gradings",
          "groups", "rows")


def compute(log, zone, people=(), courses=(), mapping=None, learner_roles=(5,)):
    """The first table: 2, 7, 9, 17 and 21 of one log (a Log to which every row was added)."""
    cells = Cells(FIRST_CUTS, with_site=False)
    if log.rows == 0:
        return []
    site = Site(zone, log.first, log.last + 1)     # T; a file covers [first event, last event + 1 s)
    for e in population(log, site, people, courses, mapping, learner_roles):
        reach.enrolled(e, site, cells)
        engagement.start(e, site, cells)
        engagement.weekly_active(e, site, cells)
        outcomes.completion(e, site, cells)
        outcomes.declared_dropout(e, site, cells)
    return [row[:8] for row in cells.table()]


def compute_all(log, zone, tables, mapping=None, learner_roles=(5,), until=None, k=5, countries=None,
                left_out=("CMA",), coverage=None):
    """Every indicator that the log and the tables given feed; `tables` is {name: rows}, names as in TABLES."""
    if log.rows == 0:
        return []
    people = People(tables.get("people", ()), mapping or {}, zone)
    watermark = log.last + 1 if until is None else min(log.last + 1, until)
    site = Site(zone, log.first, watermark, coverage, tuple(sorted(countries or people.countries())), k)
    enrolments = population(log, site, people, tables.get("courses", ()), None, learner_roles)
    assessments = results.assessments_by_course(tables.get("assessments", ()), zone, left_out)
    cells = Cells(ALL_CUTS, with_site=True)
    for finish in (results.finish, outcomes.finish, tutoring.finish):
        finish(cells)
    for finish in (reach.finish, satisfaction.finish):
        finish(site, cells)

    for e in enrolments:
        of_log(e, log, site, assessments.get(e.course, ()), cells)
    of_tables(enrolments, tables, site, cells)
    return cells.table()


def of_log(e, log, site, assessments, cells):
    reach.enrolled(e, site, cells)
    reach.women(e, cells)
    reach.countries(e, site, cells)
    engagement.start(e, site, cells)
    engagement.no_show(e, site, cells)
    engagement.weekly_active(e, site, cells)
    engagement.active_days(e, site, cells)
    engagement.regularity(e, site, cells)
    results.on_time(e, log, site, assessments, cells)
    results.scores(e, log, site, assessments, cells)
    outcomes.completion(e, site, cells)
    outcomes.completion_of_starters(e, site, cells)
    outcomes.time_to_complete(e, site, cells)
    outcomes.declared_dropout(e, site, cells)
    outcomes.silent_dropout(e, site, cells)
    work.mobile_share(e, cells)
    work.synchronisation(e, cells)
    work.fragmented(e, cells)


def of_tables(enrolments, tables, site, cells):
    if "activities" in tables:
        progress.progression(enrolments, tables["activities"], tables.get("completions", ()), site, cells)
    if "feedback" in tables:
        satisfaction.satisfaction(enrolments, tables["feedback"], site, cells)
    if "posts" in tables:
        tutoring.first_replies(enrolments, tables["posts"], site, cells)
    if "gradings" in tables:
        tutoring.grading_delays(enrolments, tables["gradings"], site, cells)
    if "groups" in tables:
        tutoring.load_rows(enrolments, tables["groups"], site, cells)
    if "rows" in tables:
        completeness.completeness(tables["rows"], cells)


# ---------------------------------------------------------------- the command

def write(path, text):
    """UTF-8, LF. A .gz name is packed without name or time, so that equal figures are equal bytes."""
    data = text.encode("utf-8")
    if path is None:
        sys.stdout.buffer.write(data)
        return
    with open(path, "wb") as file:
        if path.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.write(data)
        else:
            file.write(data)


def arguments_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", help="a log, or a folder that holds one and tables beside it")
    parser.add_argument("--time-zone", default="UTC")
    parser.add_argument("--map", nargs="*", action="extend", default=[], metavar="COLUMN=DIMENSION",
                        help="dimension: sex, age (a band), country or birthdate")
    parser.add_argument("--learner-role", type=int, action="append",
                        help="role id of learners; may be repeated (default 5)")
    parser.add_argument("--out")
    parser.add_argument("--all", action="store_true", help="every indicator, every cut, and the column `value`")
    parser.add_argument("--until", metavar="T", help="with --all: Unix seconds, or an ISO week (its end)")
    parser.add_argument("--k", type=int, default=5, help="with --all: the least that 6 and 24 count (default 5)")
    parser.add_argument("--country", nargs="*", action="extend", metavar="NAME",
                        help="with --all: the programme's list (default: those of the people file)")
    parser.add_argument("--leave-out", nargs="*", default=["CMA"], metavar="TYPE",
                        help="with --all: types of assessment that 14 leaves out (default CMA)")
    for table in TABLES:
        parser.add_argument("--" + table, metavar="FILE")
    return parser


def find_files(options):
    """The log's path and {table: path}: what was given, else what lies in the folder."""
    tables = {table: getattr(options, table) for table in TABLES if getattr(options, table)}
    if not os.path.isdir(options.log):
        return options.log, tables
    here = {name: os.path.join(options.log, name) for name in os.listdir(options.log)}
    log = next((here[name] for name in ("log.jsonl", "log.jsonl.gz", "log.csv", "log.csv.gz") if name in here), None)
    return log, {**{table: here[table + ".csv"] for table in TABLES if table + ".csv" in here}, **tables}


def main(arguments=None):
    parser = arguments_parser()
    options = parser.parse_args(arguments)
    mapping = {}
    for pair in options.map:
        column, _, dimension = pair.partition("=")
        if dimension not in ("sex", "age", "country", "birthdate"):
            parser.error(f"--map {pair}: unknown dimension")
        mapping[column] = dimension
    path, files = find_files(options)
    if path is None:
        parser.error(f"{options.log}: no log in this folder")
    zone, roles = Zone(options.time_zone), tuple(options.learner_role or (5,))
    until = None
    if options.until:
        until = int(options.until) if options.until.isdigit() else zone.end_of_week(options.until)

    log = Log()
    for row in read_rows(path, log.note):
        log.add(row)
    tables = {name: read_table(file) for name, file in files.items()}
    if options.all:
        table = compute_all(log, zone, tables, mapping, roles, until, options.k, options.country,
                            tuple(options.leave_out))
        header = HEADER + ["value"]
    else:
        table = compute(log, zone, tables.get("people", ()), tables.get("courses", ()), mapping, roles)
        header = HEADER
    write(options.out, to_csv(table, header))
    measured = "" if options.all and "rows" in tables else "; indicator 38: non mesurable (no plugin)"
    print(f"{log.rows} events, {len(table)} figures{measured}", file=sys.stderr)
    for what, times in sorted(log.notes.items()):
        print(f"left out: {what}: {times}", file=sys.stderr)


if __name__ == "__main__":
    main()
