// What a person does: signs in, reads, walks by keyboard, prints, magnifies, signs out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Edge, launch, open, pages } from "./edge.mjs";

let edge, browser;
before(async () => {
  edge = await Edge.start();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await edge.stop();
});

test("a coordinator signs in by a link reads a cohort and signs out", async () => {
  const context = await open(browser, edge, null);
  const page = await context.newPage();
  const link = await edge.link("walker", "coordinator", "*");
  await page.goto(link);
  await page.getByRole("button", { name: "Se connecter" }).click();
  assert.equal(page.url(), edge.url + "/");
  assert.match(await page.locator(".lead").innerText(), /^154 apprenants actifs du 9 au 15 mars, dans 5 cours, \+6 par rapport à la semaine précédente\.$/);
  await page.locator('a[href="/cohorts/sn1/4/A"]').click();
  assert.match(await page.locator("h1").innerText(), /Développement web et mobile/);
  await page.getByRole("link", { name: "English" }).click();
  assert.match(await page.locator(".lead").innerText(), /^34 active learners from 9 to 15 March, \+1 against the week before\.$/);
  await page.getByRole("link", { name: "More learners" }).click();
  assert.match(page.url(), /after=40/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.match(page.url(), /signed-out$/);
  await page.goto(edge.url);
  assert.match(page.url(), /sign-in$/);
  await page.goto(link);
  assert.match(await page.locator("h1").innerText(), /no longer works/);
  await context.close();
});

test("a second sign-in of the same person closes the first", async () => {
  const first = await edge.cookie("twice", "coordinator", "*");
  const second = await edge.cookie("twice", "coordinator", "*");
  const ask = (cookie) => fetch(edge.url, { headers: { cookie }, redirect: "manual" });
  assert.equal((await ask(first)).headers.get("location"), "/session-ended");
  assert.equal((await ask(second)).status, 200);
});

test("scopes and profiles bound what is seen", async () => {
  const scoped = await edge.cookie("scoped", "coordinator", "sites/sn1/courses/4/cohorts/A");
  const ask = (cookie, path) => fetch(edge.url + path, { headers: { cookie } });
  const home = await (await ask(scoped, "/")).text();
  assert.equal((home.match(/class="card"/g) ?? []).length, 2, "one cohort and one site");
  assert.equal((await ask(scoped, "/cohorts/sn1/4/A")).status, 200);
  assert.equal((await ask(scoped, "/cohorts/sn1/4/B")).status, 403);
  assert.equal((await ask(scoped, "/cohorts/sn1/4")).status, 403);
  assert.equal((await ask(scoped, "/cohorts/ma1/7/figures.csv")).status, 403);
  const reader = await edge.cookie("reader", "reader", "*");
  const cohort = await (await ask(reader, "/cohorts/sn1/4/A")).text();
  assert.match(cohort, /sans la liste des apprenants/);
  assert.doesNotMatch(cohort, /Diop|Selon le sexe|figures\.csv/);
  const operator = await edge.cookie("operator", "operator", "*");
  assert.doesNotMatch(await (await ask(operator, "/")).text(), /apprenants actifs/);
  assert.equal((await ask(operator, "/freshness")).status, 200);
  assert.equal((await ask(operator, "/cohorts/sn1/4/A")).status, 403);
});

test("the file of figures equals the page", async () => {
  const cookie = await edge.cookie("csv", "coordinator", "*");
  const answer = await fetch(edge.url + "/cohorts/sn1/4/A/figures.csv?indicators=17", { headers: { cookie } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  const line = bytes.toString("utf8").split("\r\n")[1].split(",");
  const page = await (await fetch(edge.url + "/cohorts/sn1/4/A", { headers: { cookie } })).text();
  assert.ok(page.includes(`${line[2]} sur ${line[3]}, à ce jour`), line.join());
  assert.ok(line[4].startsWith("'="), "a formula is defused");
});

test("everything that acts is reached by the keyboard in reading order and shows its focus", async () => {
  const cookie = await edge.cookie("keys", "coordinator", "*");
  for (const address of ["/", "/cohorts/sn1/5"]) {
    const context = await open(browser, edge, cookie);
    const page = await context.newPage();
    await page.goto(new URL(address, edge.url).href);
    const wanted = await page.evaluate(
      () => [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden])")].filter((element) => getComputedStyle(element).visibility !== "hidden").length,
    );
    const reached = [];
    for (let i = 0; i < wanted + 5; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return null;
        const style = getComputedStyle(element);
        const all = [...document.querySelectorAll("*")];
        return { index: all.indexOf(element), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, what: element.outerHTML.slice(0, 100) };
      });
      if (at === null) break;
      assert.ok(at.outline, `no visible focus on ${at.what}`);
      reached.push(at.index);
    }
    assert.equal(new Set(reached).size, wanted, address);
    assert.deepEqual(reached, [...reached].sort((a, b) => a - b), "order of the document");
    await context.close();
  }
});

test("the first Tab offers to skip to the content", async () => {
  const context = await open(browser, edge, null);
  const page = await context.newPage();
  await page.goto(edge.url + "/sign-in");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await context.close();
});

test("targets are large enough to hit", async () => {
  const cookie = await edge.cookie("fingers", "coordinator", "*");
  for (const address of pages) {
    const context = await open(browser, edge, cookie, { width: 320 });
    const page = await context.newPage();
    await page.goto(new URL(address, edge.url).href);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("a, button, summary")]
        .filter((element) => !element.matches(".skip") && !element.closest(".expiry"))
        .map((element) => ({ box: element.getBoundingClientRect(), what: element.outerHTML.slice(0, 90) }))
        .filter(({ box }) => box.height < 24 || box.width < 24)
        .map(({ box, what }) => `${Math.round(box.width)}x${Math.round(box.height)} ${what}`),
    );
    assert.deepEqual(small, [], address);
    await context.close();
  }
});

test("at 400 per cent a page of 1280 is one column that does not scroll sideways", async () => {
  const cookie = await edge.cookie("zoom", "coordinator", "*");
  for (const address of pages) {
    // 1280 x 1024 at 400 % is a viewport of 320 x 256 CSS pixels.
    const context = await open(browser, edge, cookie, { width: 320, height: 256, deviceScaleFactor: 4 });
    const page = await context.newPage();
    await page.goto(new URL(address, edge.url).href);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320, address);
    await context.close();
  }
});

test("text set twice as large still fits", async () => {
  const cookie = await edge.cookie("large", "coordinator", "*");
  for (const address of ["/", "/cohorts/sn1/4/A", "/freshness"]) {
    const context = await open(browser, edge, cookie, { width: 640, bypassCSP: true, javaScriptEnabled: true });
    const page = await context.newPage();
    await page.goto(new URL(address, edge.url).href);
    await page.addStyleTag({ content: "html { font-size: 200% } * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }" });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 640, address);
    await context.close();
  }
});

test("in print the menus go and the table of the chart comes", async () => {
  const cookie = await edge.cookie("paper", "coordinator", "*");
  const context = await open(browser, edge, cookie);
  const page = await context.newPage();
  await page.goto(edge.url + "/cohorts/sn1/4/A");
  await page.emulateMedia({ media: "print" });
  for (const selector of [".nav", ".tongues", ".who", ".skip", ".csv", ".foot"]) {
    assert.equal(await page.locator(selector).first().isVisible(), false, selector);
  }
  assert.equal(await page.locator(".lead").isVisible(), true);
  assert.equal(await page.locator("details table").first().isVisible(), true);
  const pdf = await page.pdf({ format: "A4" });
  assert.ok(pdf.length > 10_000);
  await context.close();
});

test("a session about to close says so on the page itself and can be kept", async () => {
  const cookie = await edge.cookie("idle", "coordinator", "*");
  const context = await open(browser, edge, cookie);
  const page = await context.newPage();
  await page.goto(edge.url + "/cohorts/sn1/5");
  const notice = page.locator(".expiry");
  assert.equal(await notice.isVisible(), false);
  // Twenty-five minutes pass for the animation that is the page's only clock.
  const delay = await notice.evaluate((element) => {
    const [animation] = element.getAnimations();
    const seconds = animation.effect.getTiming().delay / 1000;
    animation.finish();
    return seconds;
  });
  assert.equal(delay, 25 * 60);
  assert.equal(await notice.isVisible(), true);
  await page.getByRole("button", { name: "Rester connecté" }).click();
  assert.equal(page.url(), edge.url + "/cohorts/sn1/5");
  await context.close();
});

test("hostile names run nothing", async () => {
  const cookie = await edge.cookie("hostile", "coordinator", "*");
  const context = await open(browser, edge, cookie, { javaScriptEnabled: true });
  const page = await context.newPage();
  let dialogs = 0;
  page.on("dialog", (dialog) => {
    dialogs++;
    dialog.dismiss();
  });
  await page.goto(edge.url + "/cohorts/ma1/8/A%20%26%20B%20%3Ctest%3E");
  assert.equal(dialogs, 0);
  assert.equal(await page.locator("main script, main img").count(), 0);
  assert.ok(await page.getByText("<script>alert('x')</script>").isVisible());
  await context.close();
});

test("when modules are down the rest of the page is there", async () => {
  const broken = await Edge.start({ down: ["BatchGetIdentities", "ListFreshness", "ListSites"] });
  try {
    const cookie = await broken.cookie("p1", "coordinator", "*");
    const ask = async (path) => {
      const answer = await fetch(broken.url + path, { headers: { cookie, "accept-language": "fr" } });
      return { status: answer.status, text: await answer.text() };
    };
    const home = await ask("/");
    assert.equal(home.status, 200);
    assert.match(home.text, /L’état des sites n’est pas disponible/);
    assert.match(home.text, /154 apprenants actifs/);
    const cohort = await ask("/cohorts/sn1/4/A");
    assert.match(cohort.text, /Les noms ne sont pas disponibles/);
    assert.match(cohort.text, /Nom non disponible/);
    assert.match(cohort.text, /temps universel/);
  } finally {
    await broken.stop();
  }
  const mute = await Edge.start({ down: ["ListCohortSummaries", "QueryFigures", "ListLearners", "ExportFigures"] });
  try {
    const cookie = await mute.cookie("p1", "coordinator", "*");
    const home = await fetch(mute.url, { headers: { cookie, "accept-language": "fr" } });
    assert.equal(home.status, 200);
    assert.match(await home.text(), /Les cohortes ne sont pas disponibles/);
    const cohort = await (await fetch(mute.url + "/cohorts/sn1/4/A", { headers: { cookie, "accept-language": "fr" } })).text();
    assert.match(cohort, /Les chiffres ne sont pas disponibles/);
    assert.equal((await fetch(mute.url + "/cohorts/sn1/4/A/figures.csv", { headers: { cookie } })).status, 503);
  } finally {
    await mute.stop();
  }
});

test("the security headers are on every kind of answer", async () => {
  const cookie = await edge.cookie("headers", "coordinator", "*");
  for (const [path, init] of [["/", {}], ["/nothing", {}], ["/healthz", {}], ["/%2e%2e/x%00", {}], ["/", { method: "DELETE" }], ["/cohorts/sn1/4/A/figures.csv", {}], ["/sign-out", { method: "POST" }]]) {
    const answer = await fetch(edge.url + path, { ...init, headers: { cookie }, redirect: "manual" });
    await answer.arrayBuffer();
    assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/, path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.headers.get("x-robots-tag"), "noindex, nofollow");
    assert.ok(answer.headers.get("permissions-policy"));
    assert.equal(answer.headers.get("server"), null);
  }
});
