// Starts the edge over made-up modules and signs browsers in. Every test file uses this.
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const build = process.env.COMPAGNON_BUILD ?? path.join(root, "build/release");

export class Edge {
  // `down`: rpcs that do not answer.
  static async start({ down = [] } = {}) {
    const edge = new Edge();
    mkdirSync(path.join(root, ".run"), { recursive: true });
    edge.folder = mkdtempSync(path.join(root, ".run/edge-fixture-"));
    const arguments_ = ["--folder", edge.folder];
    if (down.length) arguments_.push("--down", down.join(","));
    edge.process = spawn(path.join(build, "tests/browser/edge_fixture"), arguments_, { stdio: ["pipe", "pipe", "inherit"] });
    edge.lines = createInterface({ input: edge.process.stdout })[Symbol.asyncIterator]();
    edge.url = await edge.line();
    return edge;
  }

  async line() {
    const next = await this.lines.next();
    if (next.done) throw new Error("the fixture ended; is edge_fixture built?");
    return next.value;
  }

  async link(person = "p1", profile = "coordinator", scopes = "*") {
    this.process.stdin.write(`${person} ${profile} ${scopes}\n`);
    const link = await this.line();
    if (!link.startsWith("http")) throw new Error(link);
    return link;
  }

  // Follows a link as a person does: opens it, presses the button. Answers the cookie header of the session.
  // Sign-ins from one address are limited: many people come from many addresses of the loopback network.
  async cookie(person, profile, scopes, from = "127.0.0.1") {
    const link = await this.link(person, profile, scopes);
    const answer = await new Promise((resolve, reject) => {
      const request = http.request(link, { method: "POST", headers: { Origin: this.url, "Content-Length": 0 }, localAddress: from }, (response) => {
        response.resume();
        response.on("end", () => resolve(response));
      });
      request.on("error", reject);
      request.end();
    });
    if (answer.statusCode !== 303) throw new Error(`sign-in answered ${answer.statusCode}`);
    return answer.headers["set-cookie"].find((cookie) => cookie.startsWith("compagnon-loopback=")).split(";")[0];
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.on("exit", resolve));
    this.process.stdin.end();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
}

// A browser context signed in with `cookie`, as one kind of reader sees the pages.
export async function open(browser, edge, cookie, { width = 1280, height = 900, language = "fr", dark = false, ...rest } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language,
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: false,
    ...rest,
  });
  if (cookie) {
    const [name, value] = cookie.split("=");
    await context.addCookies([{ name, value, url: edge.url }]);
  }
  return context;
}

// Counts what a page's loads fetch; an answer from the browser's cache is no request and has no bytes.
export async function count(context, page) {
  const protocol = await context.newCDPSession(page);
  await protocol.send("Network.enable");
  const counted = { bytes: 0, requests: 0 };
  protocol.on("Network.requestServedFromCache", () => counted.requests--);
  protocol.on("Network.responseReceived", (event) => (counted.requests += event.response.fromDiskCache ? 0 : 1));
  protocol.on("Network.loadingFinished", (event) => (counted.bytes += event.encodedDataLength));
  return async (address) => {
    counted.bytes = counted.requests = 0;
    await page.goto(address, { waitUntil: "networkidle" });
    return { ...counted };
  };
}

export const pages = [
  "/",
  "/cohorts/sn1/3",
  "/cohorts/sn1/4",
  "/cohorts/sn1/4/A",
  "/cohorts/sn1/5",
  "/cohorts/sn1/9",
  "/cohorts/ma1/7",
  "/cohorts/ma1/8/A%20%26%20B%20%3Ctest%3E",
  "/freshness",
  "/accessibility",
  "/privacy",
  "/nothing-here",
];
