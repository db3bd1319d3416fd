"""[freshness] from a row in the plugin's outbox to a figure on a coordinator's page, while 500 events a second flow.

PostgreSQL, RabbitMQ and Redis, modules apart with mTLS; the product's default polling.
"""
import calendar
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
import figures  # noqa: E402
import report  # noqa: E402
import suite  # noqa: E402

LIMIT = 5.0  # seconds, p95


def age_of_page(browser, link):
    """Seconds between now and the watermark a cohort's export states. Every outbox row written before the watermark is counted in it, so this
    bounds the way of the newest row; the export says whole seconds, rounded down: the truth is up to a second better."""
    page = figures.exported(browser, link.lstrip("/"))
    asked = time.time()
    watermark = max(line.split(",")[10] for line in page.splitlines()[1:] if line)
    return asked - calendar.timegm(time.strptime(watermark, "%Y-%m-%dT%H:%M:%SZ"))


def main():
    full = "--full" in sys.argv
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compagnon-freshness-", dir=suite.scratch()))
    double = suite.Double(folder / "moodle", learners=300, weeks=6, live_rate=500)
    one = suite.Suite("distributed", folder / "suite")
    try:
        # The product's own polling, not the tests' hurried one.
        for module in suite.MODULES:
            path = one.config(module)
            path.write_text(path.read_text().replace("poll_active_ms = 200", "poll_active_ms = 2000").replace("poll_idle_ms = 1000", "poll_idle_ms = 15000").replace("recompute_ms = 300", "recompute_ms = 1000"))
        one.start()
        double.add_to(one, "sn1")
        browser = one.sign_in(scopes=("sites/sn1",))
        links = suite.wait_until("cohorts are on the home page", lambda: sorted(
            set(link for link in browser.get("/").links() if link.startswith("/cohorts/sn1/"))), 120, 1)
        time.sleep(15)
        ages = []
        end = time.monotonic() + (180 if full else 60)
        # The watermark on the page is the instant up to which everything is counted: now minus it is how old the page is, sampled at the
        # moment it is read. An outbox row written at that instant is on the page, one written later may not be.
        before, began = double.control("state")["sites"][0]["rows"], time.monotonic()
        while time.monotonic() < end:
            ages.append(age_of_page(browser, links[0]))
            time.sleep(0.25)
        flow = (double.control("state")["sites"][0]["rows"] - before) / (time.monotonic() - began)
        report.line("freshness", "outbox row to figure on a page, 500 events/s, p95", report.percentile(ages, 0.95), "s", limit=LIMIT)
        report.line("freshness", "the same, median", report.percentile(ages, 0.5), "s")
        report.line("freshness", "flow while it was measured", flow, "events/s", limit=500)
    finally:
        one.stop()
        double.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
