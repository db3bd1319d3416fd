"""Figures as the suite exports them, in the oracle's own form, so that the two can be compared to the last unit."""
import csv
import gzip
import io
import pathlib
import time

from suite import ROOT, wait_until

EXPECTED = ROOT / "tests" / "oracle" / "expected"


def expected(name):
    path = EXPECTED / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return set(tuple(row) for row in list(csv.reader(io.StringIO(raw.decode("utf-8"))))[1:])


def of_csv(text):
    """Rows of the suite's CSV for whole course runs: indicator, course, week, sex, age, country, numerator, denominator."""
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    return set((r["indicator"], r["course"], r["week"], r["sex"], r["age_band"], r["country"], r["numerator"], r["denominator"])
               for r in rows if r["cohort"] == "*" and r["indicator"] != "38")


def exported(browser, course_path, indicators=""):
    page = browser.get(f"/{course_path}/figures.csv" + (f"?indicators={indicators}" if indicators else ""))
    # A course that analytics has not met yet does not exist for the pages: no figures, no error.
    assert page.status in (200, 404), (page.status, page.text[:500])
    return page.text if page.status == 200 else ""


def difference(found, wanted, most=12):
    """A text naming what is missing and what is too much; "" when the two are equal."""
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    if not missing and not extra:
        return ""
    lines = [f"{len(missing)} of {len(wanted)} expected figures missing, {len(extra)} not expected"]
    lines += [f"  missing {row}" for row in missing[:most]] + [f"  extra   {row}" for row in extra[:most]]
    return "\n".join(lines)


def wait_until_still(look, seconds=240, still=4):
    """Waits until what look() answers has not changed for `still` seconds, and answers it."""
    state = {"last": None, "since": time.monotonic()}

    def stands():
        now = look()
        if now != state["last"]:
            state["last"], state["since"] = now, time.monotonic()
        return time.monotonic() - state["since"] > still

    wait_until("nothing moves any more", stands, seconds, 0.5)
    return state["last"]


def wait_for_figures(browser, paths, wanted, seconds=900):
    """Polls the CSV of the courses until it says what is wanted; else fails with the difference."""
    said = {"difference": "nothing read yet"}

    def equal():
        found = set().union(*(of_csv(exported(browser, path)) for path in paths))
        said["difference"] = difference(found, wanted)
        return said["difference"] == ""

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if equal():
            return
        time.sleep(1)
    raise AssertionError(said["difference"])
