// Looks at the page as its users do. usage: node page.mjs URL, see
// browser_test.go for how it asks for changes of the gateway.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const require = createRequire(path.join(process.env.GATEWAY_NPM, "x.js"));
const { chromium } = require("playwright-core");
const url = process.argv[2];
const pictures = process.env.GATEWAY_SCREENSHOTS;
mkdirSync(pictures, { recursive: true });

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function gateway(what) {
  console.log("do " + what);
  const { value } = await answers.next();
  if (value !== "done") throw new Error(`the test answered ${value}`);
}

const problems = [];
let offline = false; // errors of the network are expected
function check(ok, what) {
  if (!ok) problems.push(what);
}

const profile = mkdtempSync(path.join(tmpdir(), "gateway-page-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  viewport: { width: 1280, height: 800 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const page = await context.newPage();
  page.on("pageerror", (e) => problems.push(`error in the page: ${e}`));
  page.on("console", (m) => m.type() === "error" && !offline && problems.push(`console: ${m.text()}`));
  page.on("request", (r) => check(new URL(r.url()).origin === new URL(url).origin, `request to ${r.url()}`));
  page.on("dialog", (d) => {
    problems.push(`a dialog opened: ${d.message()}`);
    d.dismiss();
  });
  const shows = (text, within = "body") =>
    page.waitForFunction(
      ([text, within]) => document.querySelector(within)?.innerText.toLowerCase().includes(text.toLowerCase()),
      [text, within],
      { polling: 20, timeout: 20_000 },
    );
  const tile = (p) => `[id="s-${encodeURIComponent(p)}"]`;

  // Nothing there: how to begin, with the real address.
  await page.goto(url);
  await shows("No readings yet");
  await shows("mosquitto_pub -h 127.0.0.1 -p 1883");

  // The first reading appears without a reload.
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":21.46,"humidity":43.7}');
  await shows("21.5", tile("home/kitchen/climate"));
  await shows("°C", tile("home/kitchen/climate"));
  await shows("● live", tile("home/kitchen/climate"));
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":-3.04,"humidity":43.7}');
  await shows("-3.0", tile("home/kitchen/climate"));

  // Opened again, everything is there within 2 s.
  let best = Infinity;
  for (let attempt = 0; attempt < 3 && best > 2000; attempt++) { // the machine may be busy once
    await page.goto(url);
    await shows("-3.0", tile("home/kitchen/climate"));
    best = Math.min(best, await page.evaluate(() => performance.now()));
  }
  console.log(`visible after ${Math.round(best)} ms`);
  check(best <= 2000, `the tile came after ${best} ms`);

  // Age and state, as text. The page itself notices that a reading is old.
  await gateway('short home/cellar/old {"time":"$NOW","temperature":5}');
  await shows("live", tile("home/cellar/old"));
  await shows("◌ stale", tile("home/cellar/old"));
  await shows("home/cellar/old", ".problems");
  await shows("s ago", tile("home/cellar/old"));
  await gateway("publish home/kitchen/climate/status fault");
  await shows("✕ fault", tile("home/kitchen/climate"));
  await gateway('publish home/kitchen/climate/status/detail {"status":"fault","reason":"no answer <b>there</b>"}');
  await shows("no answer <b>there</b>", tile("home/kitchen/climate"));
  await shows("2 sensors need a look", ".problems");
  await gateway("publish home/kitchen/climate/status online");
  await page.waitForFunction(() => document.querySelector(".problems")?.innerText.includes("1 sensor"));

  // Simulated values say so.
  await gateway('publish demo/attic/climate {"time":"$NOW","temperature":18.2,"simulated":true}');
  await shows("simulated", tile("demo/attic/climate"));
  check((await page.innerText(tile("home/kitchen/climate"))).includes("simulated") === false, "a real sensor is called simulated");
  await shows("Demo", ".top");

  // Whatever others publish is text, and nothing else.
  await gateway('publish <img/src=x <script>alert(1)</script>'); // two levels: not ours
  await gateway(`publish evil/<b>room</b>x\\"'/<svg><img <img src=x onerror=alert(2)>`.replace("<svg><img ", "<svg>sensor "));
  await gateway('publish evil/room/unit {"<img src=x onerror=alert(3)>":1,"temperature":2}');
  await shows("<img src=x onerror=alert(3)>", tile("evil/room/unit"));
  check((await page.locator("main img, main script").count()) === 0, "a payload became markup");

  // Plain numbers and text have a place, too.
  await gateway("publish home/hall/humidity 55.5");
  await shows("55.5", tile("home/hall/humidity"));
  await gateway("publish home/hall/door {\"door\":1}");
  await shows("open", tile("home/hall/door"));
  await gateway("publish home/hall/note hello there");
  await shows("hello there", tile("home/hall/note"));
  await gateway("publish home/hall/note "); // cleared
  await page.waitForFunction((t) => !document.querySelector(t), tile("home/hall/note"));

  // What the gateway itself needs a person for comes, and goes, without a reload.
  await gateway("alarm The store cannot be written: <b>no space</b>");
  await gateway("publish home/hall/humidity 55.6"); // or 10 s later by itself
  await shows("<b>no space</b>", ".alarms");
  await gateway("alarm ");
  await gateway("publish home/hall/humidity 55.7");
  await page.waitForFunction(() => !document.querySelector(".alarms"));

  // A bridge: what waits, for how long, and a line that is up but dead.
  const bridge = { name: "cloud", connected: true, waiting: 1234, bytes: 99000, oldest_ms: 7_200_000, last_ack_ms: 3000, rate: 50, drain_ms: 120_000 };
  await gateway("bridge " + JSON.stringify(bridge));
  await gateway("publish home/hall/humidity 55.8");
  await shows("catching up", ".bridge");
  await shows("1,234 waiting (99 kB), the oldest from 2 h ago", ".bridge");
  await shows("50/s, 2 min to go", ".bridge");
  await gateway("bridge " + JSON.stringify({ ...bridge, last_ack_ms: 600_000 }));
  await gateway("publish home/hall/humidity 55.9");
  await shows("connected, but nothing is acknowledged", ".bridge");
  await shows("Bridge cloud: connected, but nothing is acknowledged, 1,234 waiting", ".problems");
  await gateway("bridge " + JSON.stringify({ ...bridge, connected: false, error: "<i>refused</i>", error_age_ms: 5000, set_aside: 2 }));
  await gateway("publish home/hall/humidity 56");
  await shows("<i>refused</i>", ".bridge .reason");
  await shows("2 set aside, see gateway bridge aside cloud", ".bridge");

  // The gateway goes away: values stay, greyed, with the time of the last data.
  offline = true;
  await gateway("stop");
  await shows("last data", ".line");
  await page.waitForSelector(".page.lost");
  await shows("-3.0", tile("home/kitchen/climate"));
  // It comes back: the page goes on by itself.
  await gateway("start");
  await shows("connected", ".line");
  await page.waitForSelector(".page:not(.lost)");
  offline = false;

  // A phone.
  for (const width of [360, 390, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(wide <= 0, `at ${width} px the page is ${wide} px too wide`);
  }

  // The theme is kept.
  await page.click(".top > button");
  await page.click(".top > button");
  await page.reload();
  await shows("Dark", ".top > button");
  check((await page.evaluate(() => document.documentElement.dataset.theme)) === "dark", "the theme was not kept");
  await page.click(".top > button"); // auto

  // Pictures of a house.
  for (const topic of ["home/cellar/old", "evil/room/unit", "home/hall/humidity", "home/hall/door", `evil/<b>room<`]) {
    if (topic.split("/").length === 3) await gateway(`publish ${topic} `);
  }
  await gateway("house");
  await page.reload();
  await shows("garden");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.screenshot({ path: path.join(pictures, "desktop.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: path.join(pictures, "dark.png") });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: path.join(pictures, "phone.png") });
} catch (e) {
  problems.push(String(e));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
for (const p of problems) console.error("page.mjs:", p);
if (problems.length > 0) process.exit(1);
console.log("passed");
process.exit(0);
