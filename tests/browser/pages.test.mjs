// Every page x width x language x colour scheme, without JavaScript: no overflow, nothing axe-core finds, budgets kept.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { HtmlValidate } from "html-validate";
import { Edge, count, launch, open, pages } from "./edge.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// The dashboards brief's hard limits; a page above one fails. Those of time are bench.mjs's.
const hard = { coldBytes: 30_000, coldRequests: 4, warmBytes: 14_000, warmRequests: 1, css: 8_000, elements: 1_500 };

// Who sees what: a coordinator every page, the others those that are other pages for them, refusals among them.
const views = [
  ...pages.map((address) => ["coordinator", address]),
  ...["/", "/cohorts/sn1/4/A", "/cohorts/sn1/3", "/freshness"].map((address) => ["reader", address]),
  ...["/", "/freshness", "/cohorts/sn1/4/A"].map((address) => ["operator", address]),
];

let edge, browser, cookie;
const cookies = {};
before(async () => {
  edge = await Edge.start();
  browser = await launch();
  for (const profile of ["coordinator", "reader", "operator"]) cookies[profile] = await edge.cookie(`p-${profile}`, profile, "*");
  cookie = cookies.coordinator;
});
after(async () => {
  await browser.close();
  await edge.stop();
});

const wide = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;

async function outside(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll("body *")]
      .filter((element) => !element.closest(".unseen, .skip, svg, thead"))
      .filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.left < -1 || box.right > width + 1);
      })
      .map((element) => element.outerHTML.slice(0, 120));
  });
}

// One load of a page serves every width and colour scheme: both are changed under it.
describe("layout", () => {
  for (const [profile, address] of views) {
    for (const language of ["fr", "ar"]) {
      test(`${address} ${profile} ${language}`, async () => {
        const context = await open(browser, edge, cookies[profile], { language });
        const page = await context.newPage();
        const problems = [];
        page.on("console", (message) => {
          // A page that is an error is reported by the browser as a failed resource.
          if (message.type() === "error" && !/the server responded with a status of 40[34]/.test(message.text())) problems.push(message.text());
        });
        page.on("requestfailed", (request) => problems.push(request.url()));
        await page.goto(new URL(address, edge.url).href);
        assert.equal(await page.locator("html").getAttribute("dir"), language === "ar" ? "rtl" : "ltr");
        const sizes = async (state) => {
          for (const width of [320, 768, 1280]) {
            await page.setViewportSize({ width, height: 900 });
            for (const colorScheme of ["light", "dark"]) {
              await page.emulateMedia({ colorScheme });
              assert.ok((await page.evaluate(wide)) <= 0, `${state} at ${width} ${colorScheme} the page scrolls sideways`);
            }
            assert.deepEqual(await outside(page), [], `${state} at ${width}`);
          }
        };
        await sizes("as it comes");
        for (const summary of await page.locator("summary").all()) await summary.click();
        await sizes("with details open");
        assert.deepEqual(problems, []);
        await context.close();
      });
    }
  }
});

// The pages have no JavaScript; axe brings its own, past the policy that would keep it out.
describe("axe-core finds nothing", () => {
  for (const [profile, address] of views) {
    for (const language of ["fr", "ar"]) {
      test(`${address} ${profile} ${language}`, async () => {
        const context = await open(browser, edge, cookies[profile], { language, javaScriptEnabled: true, bypassCSP: true });
        const page = await context.newPage();
        await page.goto(new URL(address, edge.url).href);
        await page.evaluate(axe);
        const looks = language === "fr" ? [[1280, "light"], [320, "dark"]] : [[320, "light"], [1280, "dark"]];
        for (const [width, colorScheme] of looks) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          const found = await page.evaluate(() =>
            axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
          );
          const violations = found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
          assert.deepEqual(violations, [], `${width} ${colorScheme}`);
        }
        await context.close();
      });
    }
  }
});

describe("bytes requests and elements", () => {
  for (const [profile, address] of views) {
    test(`${address} ${profile}`, async () => {
      const context = await open(browser, edge, cookies[profile], {});
      const page = await context.newPage();
      const visit = await count(context, page);
      const cold = await visit(new URL(address, edge.url).href);
      const warm = await visit(new URL(address, edge.url).href);
      const elements = await page.evaluate(() => document.querySelectorAll("*").length);
      await context.close();
      assert.ok(cold.bytes <= hard.coldBytes, `cold ${cold.bytes} bytes`);
      assert.ok(cold.requests <= hard.coldRequests, `cold ${cold.requests} requests`);
      assert.ok(cold.requests > warm.requests, `the style sheet comes once: ${cold.requests}, then ${warm.requests}`);
      assert.ok(warm.bytes <= hard.warmBytes, `warm ${warm.bytes} bytes`);
      assert.equal(warm.requests, hard.warmRequests);
      assert.ok(elements <= hard.elements, `${elements} elements`);
    });
  }

  test("an unchanged page costs a 304", async () => {
    const first = await fetch(edge.url, { headers: { cookie } });
    const again = await fetch(edge.url, { headers: { cookie, "if-none-match": first.headers.get("etag") } });
    assert.equal(again.status, 304);
    assert.equal((await again.arrayBuffer()).byteLength, 0);
  });

  test("the style sheet", async () => {
    const html = await (await fetch(edge.url + "/sign-in")).text();
    const answer = await fetch(edge.url + html.match(/\/assets\/site[^"]+/)[0], { headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.ok(Number(answer.headers.get("content-length")) <= hard.css);
  });
});

describe("markup", () => {
  // Titles carry names of courses, which are as long as they are; minified HTML has no lines to trim.
  const validator = new HtmlValidate({ root: true, extends: ["html-validate:recommended"], rules: { "long-title": "off", "no-inline-style": "error" } });
  for (const [profile, address] of [...views, ...["/sign-in", "/signed-out", "/session-ended"].map((address) => ["coordinator", address])]) {
    for (const language of ["fr", "ar"]) {
      test(`${address} ${profile} ${language}`, async () => {
        const html = await (await fetch(new URL(address, edge.url), { headers: { cookie: cookies[profile], "accept-language": language } })).text();
        const report = await validator.validateString(html, "page.html");
        assert.deepEqual(report.results.flatMap((result) => result.messages.map((m) => `${m.ruleId} ${m.message} at ${html.split("\n")[m.line - 1].slice(Math.max(0, m.column - 60), m.column + 40)}`)), []);
      });
    }
  }
});

test("every link of every page leads somewhere", async () => {
  const seen = new Set();
  const waiting = pages.filter((address) => address !== "/nothing-here");
  while (waiting.length) {
    const address = waiting.pop();
    if (seen.has(address)) continue;
    seen.add(address);
    const answer = await fetch(new URL(address, edge.url), { headers: { cookie, "accept-language": "fr" } });
    assert.equal(answer.status, 200, address);
    if (!answer.headers.get("content-type").startsWith("text/html")) {
      await answer.arrayBuffer();
      continue;
    }
    const html = await answer.text();
    for (const [, raw] of html.matchAll(/href="([^"]*)"/g)) {
      const target = new URL(raw.replaceAll("&amp;", "&"), new URL(address, edge.url));
      assert.equal(target.origin, edge.url, `${raw} leaves the site`);
      if (target.pathname === new URL(address, edge.url).pathname && target.hash) {
        assert.ok(html.includes(`id="${target.hash.slice(1)}"`), `${address} has no ${target.hash}`);
      }
      target.hash = "";
      if (target.searchParams.has("lang")) continue;
      waiting.push(target.href.slice(edge.url.length));
    }
  }
  assert.ok(seen.size > 25, `${seen.size} addresses`);
});

test("every heading level follows the one before", async () => {
  for (const [profile, address] of views) {
    const html = await (await fetch(new URL(address, edge.url), { headers: { cookie: cookies[profile] } })).text();
    const levels = [...html.matchAll(/<h([1-6])/g)].map((match) => Number(match[1]));
    assert.equal(levels.filter((level) => level === 1).length, 1, address);
    levels.forEach((level, i) => assert.ok(i === 0 || level <= levels[i - 1] + 1, `${address}: h${levels[i - 1]} then h${level}`));
  }
});
