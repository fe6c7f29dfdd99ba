// What every test of the page uses: a real Chromium, and a gateway that the test
// in Go has started. Package pagetest is the other side.
//
//   import { run } from "./browser.mjs";
//   await run(async ({ page, url, gateway, check, shows, axe, picture }) => { … });
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const modules = process.env.GATEWAY_NPM;
const require = createRequire(path.join(modules, "x.js"));
const { chromium } = require("playwright-core");

/** How long a condition may take to come true; it is never waited for when all is well. */
export const patience = 30_000;
/** Where the page is. */
export const url = process.argv[2];
/** What is set by the first page that asks for it. */
export const password = "correct horse battery";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test in Go to do something: await gateway("stop"). Resolves to what it says, often nothing. */
export async function gateway(what) {
  console.log("do " + what);
  const { value, done } = await answers.next();
  if (done || !value.startsWith("done")) throw new Error(`${what}: the test answered ${value}`);
  return value.slice("done".length).trim();
}

const problems = [];

/** Notes that something is not as it should be, and goes on. */
export function check(ok, what) {
  if (!ok) problems.push(what);
}

/** Requires a module of npm: npm("mqtt"). */
export const npm = (name) => require(name);

/**
 * Sets the password of a new gateway, or logs in, by the API: the cookie is then
 * in the context. What the first steps look like is another test's.
 */
export async function login(context) {
  const session = await (await context.request.get(url + "/api/v1/session")).json();
  if (session.role === "admin") return;
  const path = session.setup ? "setup" : "login";
  const r = await context.request.post(`${url}/api/v1/${path}`, { data: { password }, headers: { Origin: url } });
  if (!r.ok()) throw new Error(`${path}: ${r.status()} ${await r.text()}`);
}

/**
 * Runs a test in one browser. It gets
 *
 *   context   the browser's, logged in unless {anonymous: true}
 *   page      a tab, with what goes wrong in it noted: errors, requests to elsewhere
 *   open(hash, page?)     opens a page of the gateway: open("#/charts")
 *   shows(text, within?, page?)  waits until a text is there
 *   gone(text, within?, page?)   waits until it is not
 *   axe(name, page?)      looks for what a screen reader stumbles over
 *   narrow(name, page?)   looks whether the page is too wide for a phone
 *   picture(name, page?)  takes the pictures for the README: desktop and phone
 *   offline(bool)         whether errors of the network are expected
 */
export async function run(test, { anonymous = false, viewport = { width: 1280, height: 800 }, ...options } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), "gateway-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    viewport,
    acceptDownloads: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
    ...options,
  });
  context.setDefaultTimeout(patience);
  let quiet = false;
  const watch = (page) => {
    page.on("pageerror", (e) => problems.push(`error in the page: ${e.stack ?? e}`));
    page.on("console", (m) => m.type() === "error" && !quiet && problems.push(`console: ${m.text()} ${m.location().url}`));
    page.on("request", (r) => !r.url().startsWith("blob:") && check(new URL(r.url()).origin === new URL(url).origin, `request to ${r.url()}`));
    page.on("dialog", (d) => {
      problems.push(`a dialog opened: ${d.message()}`);
      d.dismiss();
    });
  };
  context.on("page", watch);
  const tools = { context, url, gateway, check, npm, offline: (on) => (quiet = on) };
  try {
    if (!anonymous) await login(context);
    const page = (tools.page = await context.newPage());
    tools.open = async (hash = "#/", p = page) => {
      await p.goto(url + "/" + hash);
      await p.waitForSelector("main");
    };
    tools.shows = (text, within = "body", p = page) =>
      p.waitForFunction(([text, within]) => document.querySelector(within)?.innerText.toLowerCase().includes(text.toLowerCase()), [text, within], { polling: 50 });
    tools.gone = (text, within = "body", p = page) =>
      p.waitForFunction(([text, within]) => !document.querySelector(within)?.innerText.toLowerCase().includes(text.toLowerCase()), [text, within], { polling: 50 });
    tools.axe = (name, p = page) => axe(p, name);
    tools.narrow = (name, p = page) => narrow(p, name);
    tools.picture = (name, p = page) => picture(p, name);
    await test(tools);
  } catch (e) {
    problems.push(String(e.stack ?? e));
    const p = tools.page;
    if (p && !p.isClosed()) console.log("the page says: " + (await p.innerText("body").catch(() => "nothing")).slice(0, 3000).replaceAll("\n", " | "));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
  for (const p of problems) console.log("problem: " + p);
  console.log(problems.length === 0 ? "passed" : "failed");
  process.exit(problems.length === 0 ? 0 : 1);
}

/** Holds a page against the rules of axe-core: nothing serious, nothing critical, light and dark. */
async function axe(page, name) {
  const source = readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate(source); // the policy of the page forbids scripts in it; this is the debugger's
    const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    for (const v of found.violations) {
      if (v.impact !== "serious" && v.impact !== "critical") continue;
      check(false, `axe on ${name}, ${scheme}: ${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.html.slice(0, 200)} ${n.any?.[0]?.message ?? ""}`).join(" ; ")}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** A page is not to be wider than a phone, once what is drawn has followed its width. */
async function narrow(page, name) {
  const before = page.viewportSize();
  for (const width of [360, 390, 768]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    for (let waited = 0; waited < 5000 && (await wide()) > 0; waited += 50) await page.waitForTimeout(50);
    check((await wide()) <= 0, `${name}: at ${width} px the page is ${await wide()} px too wide`);
  }
  await page.setViewportSize(before);
}

/** Takes a page at the size of a desk and of a phone, where the test wants pictures. */
async function picture(page, name) {
  const folder = process.env.GATEWAY_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  for (const [kind, size] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 390, height: 844 }]]) {
    await page.setViewportSize(size);
    await page.waitForTimeout(300); // charts are drawn again
    await page.screenshot({ path: path.join(folder, `${name}-${kind}.png`) });
  }
  await page.setViewportSize(before);
}
