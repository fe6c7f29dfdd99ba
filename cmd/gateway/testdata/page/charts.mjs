// Charts, and the page of a sensor. Checks 11 to 16 of the dashboard's document.
import { readFileSync } from "node:fs";
import { patience, run } from "./browser.mjs";

const hour = 3600_000;
const day = 24 * hour;
const kitchen = "s=home/kitchen/climate%23temperature";
const humid = "s=home/kitchen/climate%23humidity";
const weather = "s=home/garden/weather%23pressure";

await run(async ({ context, page, open, shows, gone, gateway, check, axe, narrow, picture, offline }) => {
  const asked = []; // what the page wanted of the history
  page.on("request", (r) => r.url().includes("/api/v1/history?") && asked.push(new URL(r.url()).searchParams));

  /** Waits until the chart shows an answer, [from, to, width of a point], of which something is true. */
  const drawn = async (test = () => true) => {
    let now;
    for (let waited = 0; waited < patience; waited += 50) {
      now = await page.evaluate(() => {
        const c = document.querySelector(".chart:not(.busy)");
        return c && document.querySelector(".uplot canvas") && ["from", "to", "width"].map((k) => Number(c.dataset[k]));
      });
      if (now?.[1] > now?.[0] && test(...now)) return now;
      await page.waitForTimeout(50);
    }
    throw new Error(`no chart with ${test}, but ${now}`);
  };
  const long = (length) => (from, to, width) => Math.abs(to - from - length) <= 3 * width;
  const span = () => drawn();
  const view = () => new URLSearchParams(page.url().split("?")[1]);

  /**
   * Counts what is drawn in a colour of the page, or that of a line, in a part of
   * the first chart: left, right, top, bottom from 0 to 1.
   */
  const coloured = (colour, left = 0, right = 1, top = 0, bottom = 1) =>
    page.evaluate(
      async ([colour, left, right, top, bottom]) => {
        await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
        const canvas = document.querySelector(".uplot canvas");
        const over = document.querySelector(".uplot .u-over").getBoundingClientRect();
        const at = canvas.getBoundingClientRect();
        const scale = canvas.width / at.width;
        const want = getComputedStyle(document.documentElement).getPropertyValue(colour).trim().match(/\w\w/g).map((h) => parseInt(h, 16));
        const [x, y] = [over.left - at.left + over.width * left, over.top - at.top + over.height * top].map((v) => Math.round(v * scale));
        const [w, h] = [over.width * (right - left), over.height * (bottom - top)].map((v) => Math.max(1, Math.round(v * scale)));
        const { data } = canvas.getContext("2d").getImageData(x, y, w, h);
        let n = 0;
        // Of the colour, or a mixture of it with the white below: the same hue.
        for (let i = 0; i < data.length; i += 4) {
          const rgb = [data[i], data[i + 1], data[i + 2]];
          const spread = Math.max(...rgb) - Math.min(...rgb);
          if (data[i + 3] < 40 || spread < 30) continue;
          const alike = [0, 1, 2].every((k) => Math.abs((255 - rgb[k]) / (255 - Math.min(...rgb)) - (255 - want[k]) / (255 - Math.min(...want))) < 0.2);
          if (alike) n++;
        }
        return n;
      },
      [typeof colour === "number" ? `--line-${colour}` : colour, left, right, top, bottom],
    );

  /** Waits until something is drawn in a colour, or no longer: it comes with one of the next frames. */
  const painted = async (what, ok, ...where) => {
    for (let waited = 0; waited < 5000 && !ok(await coloured(...where)); waited += 50) await page.waitForTimeout(50);
    check(ok(await coloured(...where)), what);
  };
  const some = (least) => (n) => n > least;
  const none = (n) => n === 0;

  // Nothing is there yet, and it says what to do.
  await open("#/charts");
  await shows("Nothing has been recorded yet");
  await axe("charts, empty");
  const begin = Number(await gateway("fill"));

  // Chosen on the list, by words.
  await page.waitForFunction(async () => (await (await fetch("api/v1/series")).json()).length >= 5, undefined, { polling: 500 });
  await open("#/charts?");
  await shows("What do you want to see?");
  await page.fill("#charts-search", "kitchen temp");
  check((await page.locator(".picker li").count()) === 1, "the search finds something else, too");
  await page.check(".picker li input");
  await drawn();
  check(view().get("s") === "home/kitchen/climate#temperature", `the address is ${page.url()}`);

  // 11: every range draws, and the address brings it back.
  for (const [name, length] of Object.entries({ "1h": hour, "6h": 6 * hour, "24h": day, "7d": 7 * day, "30d": 30 * day, "1y": 365 * day })) {
    await page.click(`.chart-ranges button:text-is("${name.replace(/(\d+)/, "$1 ")}")`);
    await drawn(long(length));
    await painted(`${name} draws nothing`, some(50), 0);
    check(view().get("range") === name, `${name}: the address is ${page.url()}`);
  }
  await open(`#/charts?range=30d&${kitchen}&${humid}`);
  await page.reload();
  await drawn(long(30 * day));
  check((await page.locator(".chart-lines tbody tr").count()) === 2, "a reload loses a line");
  check((await page.getAttribute('.chart-ranges button[aria-pressed="true"]', "aria-pressed")) === "true" && (await page.innerText('.chart-ranges [aria-pressed="true"]')) === "30 d", "a reload loses the range");

  // 12: one reading of 8,600 is there in the numbers and in the picture.
  const row = (i, cell) => page.locator(`.chart-lines tbody tr >> nth=${i} >> td >> nth=${cell}`).innerText();
  check((await row(0, 3)).startsWith("80.0 °C"), `the highest is ${await row(0, 3)}`);
  const [from, to] = await span();
  const place = (t) => (t - from) / (to - from);
  const spike = place(begin - 10 * day);
  await painted("the spike is not drawn", some(5), 0, spike - 0.01, spike + 0.01, 0, 0.4);
  check((await coloured(0, spike + 0.02, spike + 0.1, 0, 0.4)) === 0, "there is more than the spike");

  // 13: an outage is a gap.
  check((await coloured(0, place(begin - 5.9 * day), place(begin - 5.1 * day))) === 0, "the outage is drawn over");
  await painted("nothing is drawn after the outage", some(10), 0, place(begin - 4.9 * day), place(begin - 4.1 * day));

  // All of that outlives the gateway; the page goes on by itself.
  offline(true);
  await gateway("restart");
  await shows("connected", ".line");
  await page.reload();
  await drawn(long(30 * day));
  offline(false); // what the old page still had to say of the restart is said
  check((await row(0, 3)).startsWith("80.0 °C"), `after a restart the highest is ${await row(0, 3)}`);
  await painted("after a restart nothing is drawn", some(10), 0, place(begin - 4.9 * day), place(begin - 4.1 * day));

  // 15: two units, two axes; the cursor is in both charts; lines can be taken off.
  const axes = () => page.evaluate(() => [...document.querySelectorAll(".uplot")].map((u) => u.querySelectorAll(".u-axis").length));
  check((await axes()).join() === "3", `two units have ${await axes()} axes`);
  await open(`#/charts?range=24h&${kitchen}&${humid}&${weather}&s=home/hall/entrance%23door`);
  await drawn();
  await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 3);
  check((await axes()).sort().join() === "2,2,3", `four units have ${await axes()} axes`);
  const area = await page.locator(".u-over").first().boundingBox();
  await page.mouse.move(area.x + area.width * 0.4, area.y + area.height / 2);
  const cursors = () => page.evaluate(() => [...document.querySelectorAll(".u-cursor-x")].map((c) => Math.round(new DOMMatrix(getComputedStyle(c).transform).e)));
  await page.waitForFunction(() => document.querySelectorAll(".u-cursor-x:not(.u-off)").length === 3);
  check(new Set(await cursors()).size === 1 && Math.abs((await cursors())[0] - area.width * 0.4) < 3, `the cursors are at ${await cursors()}`);
  await page.waitForFunction(() => /°C/.test(document.querySelector(".chart-lines tbody td").innerText) && /hPa/.test(document.querySelectorAll(".chart-lines tbody tr")[2].querySelector("td").innerText));
  const [lefts, widths] = await page.evaluate(() => ["left", "width"].map((k) => [...document.querySelectorAll(".u-over")].map((o) => Math.round(o.getBoundingClientRect()[k]))));
  check(new Set(lefts).size === 1 && new Set(widths).size === 1, `the same time is at ${lefts}, ${widths} wide`);
  await painted("the humidity is not drawn", some(50), 1);
  await page.click(".chart-lines tbody tr >> nth=1 >> .chart-toggle");
  await page.waitForFunction(() => document.querySelectorAll(".chart-toggle")[1].getAttribute("aria-pressed") === "false");
  await painted("a line that is off is drawn", none, 1);
  await page.reload();
  await drawn();
  check((await page.getAttribute(".chart-toggle >> nth=1", "aria-pressed")) === "false" && view().get("off") === "1", "a reload turns a line on");
  await page.click(".chart-toggle >> nth=1");
  await painted("the line does not come back", some(50), 1);
  await page.click("button.apart");
  await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 4);
  check(view().get("apart") === "1", `the address is ${page.url()}`);
  await page.click("button.apart");
  await page.waitForFunction(() => document.querySelectorAll(".uplot").length === 3);
  await axe("charts");
  await narrow("charts");
  await picture("charts");

  // 14: zoom with the mouse asks for finer points; back and a double click return.
  await open(`#/charts?range=7d&${kitchen}&${humid}`);
  await drawn(long(7 * day));
  const over = await page.locator(".u-over").first().boundingBox();
  const before = { questions: asked.length, width: (await span())[2] };
  await page.mouse.move(over.x + over.width * 0.8, over.y + 50);
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.85, over.y + 60, { steps: 4 });
  await page.mouse.move(over.x + over.width * 0.9, over.y + 60, { steps: 4 });
  await page.mouse.up();
  await drawn((from, to) => to - from < day);
  const fine = await span();
  check(asked.length === before.questions + 1, `zooming asked ${asked.length - before.questions} times`);
  check(fine[2] < before.width, `a point is ${fine[2]} ms after zooming, ${before.width} before`);
  check(Math.abs(fine[1] - fine[0] - 0.7 * day) < 0.1 * day, `0.7 days were chosen, ${(fine[1] - fine[0]) / day} are shown`);
  check(view().get("range") === null && Number(view().get("from")) > 0, `the address is ${page.url()}`);
  await shows("paused", ".chart-state");
  await page.reload();
  await drawn((from, to) => to - from < day);
  check(Math.abs((await span())[0] - fine[0]) <= fine[2], "a reload leads elsewhere");
  await page.goBack();
  await drawn((from, to) => to - from > 6 * day);
  await page.goForward();
  await drawn((from, to) => to - from < day);

  // 16: the file is what is shown.
  const answer = await page.evaluate((q) => fetch("api/v1/history?" + q).then((r) => r.json()), asked.at(-1).toString());
  const saved = page.waitForEvent("download");
  await page.click("button.csv");
  const csv = readFileSync(await (await saved).path(), "utf8");
  compare(csv, answer, check);
  const whole = page.waitForEvent("download");
  await page.click("button.raw");
  const raw = readFileSync(await (await whole).path(), "utf8").trim().split("\n").length - 1;
  const samples = answer.series.reduce((sum, s) => sum + s.n.reduce((a, b) => a + b, 0), 0);
  // Two samples of the same time are a row; points are whole, and samples are not beyond what was asked for.
  check(Math.abs(raw - samples / 2) <= 2, `${raw} rows of ${samples} samples`);

  // A picture of it, that is not blank.
  const shot = page.waitForEvent("download");
  await page.click("button.png");
  const png = readFileSync(await (await shot).path());
  const look = await page.evaluate(async (bytes) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const ctx = canvas.getContext("2d");
    ctx.drawImage(image, 0, 0);
    const { data } = ctx.getImageData(0, 0, image.width, image.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return { width: image.width, height: image.height, colours: colours.size };
  }, [...png]);
  check(look.width > 600 && look.height > 300 && look.colours > 50, `the picture is ${JSON.stringify(look)}`);
  check((await shot).suggestedFilename().endsWith(".png"), "the name of the picture");

  // The keyboard alone: zoom, move, values read aloud, and back to the newest.
  await page.focus(".chart-stack");
  const here = await span();
  await page.keyboard.press("+");
  await drawn((from, to) => to - from < (here[1] - here[0]) * 0.6);
  const near = await span();
  await page.keyboard.press("ArrowLeft");
  await drawn((from, to, width) => from < near[0] - width);
  await page.keyboard.press("Shift+ArrowRight");
  await page.waitForFunction(() => /°C.*%/.test(document.querySelector('.chart [role="status"].visually-hidden').innerText));
  await page.keyboard.press("-");
  await drawn((from, to) => to - from > near[1] - near[0]);
  await page.keyboard.press("Home");
  await drawn((from, to) => to - from > 6 * day);
  check(view().get("range") === "7d", `Home leads to ${page.url()}`);

  // The wheel with Ctrl, dragging with shift, and the double click.
  await page.mouse.move(over.x + over.width / 2, over.y + 50);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -100);
  await page.keyboard.up("Control");
  await drawn((from, to) => to - from < 6 * day);
  const wheeled = await span();
  await page.keyboard.down("Shift");
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.75, over.y + 50, { steps: 5 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await drawn((from, to, width) => from < wheeled[0] - day / 2 && Math.abs(to - from - (wheeled[1] - wheeled[0])) < 3 * width);
  await page.dblclick(".u-over");
  await drawn((from, to) => to - from > 6 * day);
  check(view().get("range") === "7d", `a double click leads to ${page.url()}`);

  // Two fingers, and one.
  const touch = await context.newCDPSession(page);
  const fingers = (type, ...xs) => touch.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x: over.x + over.width * x, y: over.y + 80, id })) });
  await fingers("touchStart", 0.45, 0.55);
  for (const d of [0.1, 0.15, 0.2, 0.25]) await fingers("touchMove", 0.5 - d, 0.5 + d);
  await fingers("touchEnd");
  await drawn((from, to) => to - from < 2.5 * day);
  const pinched = await span();
  check(Math.abs(pinched[0] + pinched[1] - (2 * begin - 7 * day)) < 0.7 * day, "pinching moves the middle");
  await fingers("touchStart", 0.3);
  for (const x of [0.35, 0.4, 0.5, 0.6]) await fingers("touchMove", x);
  await fingers("touchEnd");
  await drawn((from, to, width) => from < pinched[0] - 3 * width);

  // What is beyond the beginning says so; what is empty offers a way out.
  await open("#/charts?range=30d&s=home/attic/young%23temperature");
  await drawn();
  await shows("History starts", ".chart-stack");
  await open(`#/charts?from=${begin - 900 * day}&to=${begin - 899 * day}&${kitchen}`);
  await shows("Nothing was recorded in this time", ".chart-stack");
  await page.click('button:text("Show the newest")');
  await drawn((from, to) => to > begin);
  await painted("the newest is not drawn", some(50), 0);

  // Live: what comes is drawn without asking again.
  await open(`#/charts?range=1h&${kitchen}`);
  await drawn((from, to) => to - from < 2 * hour);
  await shows("live", ".chart-state");
  const questions = asked.length;
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":33.3,"humidity":41}');
  await page.waitForFunction(() => /33\.3/.test(document.querySelectorAll(".chart-lines tbody td")[4].innerText));
  check(asked.length === questions, "a new value is asked for");
  check((await row(0, 3)).startsWith("33.3"), "a new highest value is not in the table");

  // A page that nobody saw for a while catches up.
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":34.4,"humidity":41}');
  await hide(false);
  await page.waitForFunction(() => /34\.4/.test(document.querySelectorAll(".chart-lines tbody td")[4].innerText));
  check(asked.length > questions, "what came while nobody looked was not asked for");

  // The threshold of an alert is a line across.
  check((await coloured("--bad")) === 0, "there is a threshold, and no rule");
  const made = await page.evaluate(() => fetch("api/v1/alerts/rules", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: "warm", value: "home/+/climate#temperature", above: 28 }) }).then((r) => r.status));
  check(made === 201, `the rule is answered with ${made}`);
  await page.reload();
  await drawn();
  for (let waited = 0; (await coloured("--bad")) < 100 && waited < 100; waited++) await page.waitForTimeout(50);
  check((await coloured("--bad")) > 100, "the threshold is not drawn");

  // In Korean; what is chosen is remembered.
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await shows("실시간", ".chart-state");
  await shows("최근 사용", ".picker");
  await axe("charts, Korean");
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("en")));

  // From Home to a sensor: what it says, its chart, its topic and last message.
  await open();
  await page.click('article[aria-label="home/kitchen/climate"] h4 a');
  await shows("34.4", ".sensor-now");
  await drawn();
  await shows("home/kitchen/climate", ".facts");
  await shows('"humidity":41', "pre");
  await page.click('.chart-ranges button:text-is("7 d")');
  await drawn((from, to) => to - from > 6 * day);
  check(page.url().includes("#/sensor/home/kitchen/climate?range=7d"), `the address is ${page.url()}`);
  await axe("sensor");
  await narrow("sensor");
  await picture("sensor");
  await page.click('a:text("Compare with others")');
  await drawn((from, to) => to - from > 6 * day);
  check((await page.locator(".chart-lines tbody tr").count()) === 2, "comparing begins with something else");
  offline(true); // the browser calls an answer of 404 an error
  await open("#/sensor/home/nowhere/atall");
  await shows("There is no sensor home/nowhere/atall");
});

/** Holds the rows of a file against an answer: the same numbers at the same times, and no others. */
function compare(csv, answer, check) {
  const [head, ...rows] = csv.trim().split(/\r?\n/).map((l) => l.split(","));
  const kinds = ["min", "avg", "max", "last", "n"];
  check(head.slice(0, 2).join() === "time,epoch_ms", `the file begins with ${head}`);
  let points = 0;
  for (const s of answer.series) {
    const columns = kinds.map((k) => head.findIndex((name) => name.startsWith(`${s.series} ${k}`)));
    const got = rows.filter((r) => r[columns[0]] !== "").map((r) => [Number(r[1]), ...columns.map((c) => Number(r[c]))].join());
    const want = s.t.map((t, i) => [t, ...kinds.map((k) => s[k][i])].join());
    points += want.length;
    const wrong = want.findIndex((w, i) => w !== got[i]);
    check(got.length === want.length && wrong < 0, `${s.series}: ${got.length} rows of ${want.length}; row ${wrong} is ${got[wrong]}, the answer says ${want[wrong]}`);
  }
  check(points > 100 && rows.every((r) => Date.parse(r[0]) === Number(r[1])), `${points} points, the first at ${rows[0]}`);
}
