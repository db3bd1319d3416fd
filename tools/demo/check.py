"""Signs in with the link, reads the coordinator's home until its cohorts show figures, and prints them on one line."""
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "acceptance"))
import suite  # noqa: E402

link = sys.argv[1]
browser = suite.Browser(re.match(r"https?://[^/]+", link).group(0))
browser.submit(browser.get(link))
end = time.monotonic() + 180
said = ""
while time.monotonic() < end:
    home = browser.get("/")
    if home.status != 200:
        sys.exit(f"the home page answers {home.status}")
    cohorts = sorted(set(re.findall(r'href="(/cohorts/[^"?]+)"', home.text)))
    active = re.search(r"(\d[\d\u202f\u00a0 ]*) apprenants? actifs?", home.words())
    if cohorts and active and int(re.sub(r"\D", "", active.group(1))) > 0:
        rates = [rate for cohort in cohorts[:4] for rate in re.findall(r"\d+(?:,\d+)?[\u202f\u00a0 ]?%", browser.get(cohort).words())]
        if len(rates) >= 3:
            print(f"home page: {len(cohorts)} cohorts, {active.group(0)}; cohort pages: {len(rates)} rates, the first {rates[0]}; "
                  f"{len(home.text.encode())} bytes of HTML")
            sys.exit(0)
    said = home.words()[:600]
    time.sleep(1)
sys.exit("no figures within 180 s; the home page said: " + said)
