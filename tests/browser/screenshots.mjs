// node screenshots.mjs FOLDER: pictures of pages, for eyes and for the README.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Edge, launch, open } from "./edge.mjs";

const folder = process.argv[2] ?? ".run/screenshots";
const only = process.argv[3];
mkdirSync(folder, { recursive: true });
const edge = await Edge.start();
const browser = await launch();
const cookie = await edge.cookie("p1", "coordinator", "*");
const link = await edge.link("p2", "coordinator", "*");
const shots = [
  ["home-1280-fr", "/", { width: 1280 }],
  ["home-320-fr", "/", { width: 320, height: 700 }],
  ["home-1280-fr-dark", "/", { width: 1280, dark: true }],
  ["home-768-ar", "/", { width: 768, language: "ar" }],
  ["cohort-1280-fr", "/cohorts/sn1/4/A", { width: 1280 }],
  ["cohort-320-fr", "/cohorts/sn1/4/A", { width: 320, height: 700 }],
  ["cohort-1280-ar-dark", "/cohorts/ma1/7", { width: 1280, language: "ar", dark: true }],
  ["cohort-320-ar", "/cohorts/ma1/7", { width: 320, height: 700, language: "ar" }],
  ["ended-1280-fr", "/cohorts/sn1/3", { width: 1280 }],
  ["ended-320-ar", "/cohorts/sn1/3", { width: 320, height: 700, language: "ar" }],
  ["hostile-1280-en", "/cohorts/ma1/8/A%20%26%20B%20%3Ctest%3E", { width: 1280, language: "en" }],
  ["empty-1280-fr", "/cohorts/sn1/9", { width: 1280 }],
  ["freshness-1280-fr", "/freshness", { width: 1280 }],
  ["signin-1280-fr", link, { width: 1280, height: 700, anonymous: true }],
  ["missing-320-en", "/nothing-here", { width: 320, height: 600, language: "en" }],
];
for (const [name, address, { anonymous, ...options }] of shots) {
  if (only && !name.includes(only)) continue;
  const context = await open(browser, edge, anonymous ? null : cookie, options);
  const page = await context.newPage();
  await page.goto(new URL(address, edge.url).href);
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  await context.close();
}
await browser.close();
await edge.stop();
