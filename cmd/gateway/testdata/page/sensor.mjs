// The page of a sensor: what it is, what is wrong with it, and what can be done.
import { run } from "./browser.mjs";

await run(async ({ page, open, shows, check, axe, narrow, picture }) => {
  await open();
  await page.click('article[aria-label="home/office/climate"] h4 a');
  await page.waitForSelector(".sensor-now .number");
  await shows("°C", ".sensor-now");
  await shows("home/office/climate", ".facts");
  await shows("simulated", ".sensor-head");
  await shows("60 min", ".facts"); // its interval
  await shows("Temperature", ".chart-lines");
  check((await page.locator(".problems").count()) === 0, "a sensor that is well has a problem");

  // Read at once: the gateway has a new reading, an hour before its time.
  const before = await page.innerText("pre");
  await page.click('button:text("Read it now")');
  await shows("It is read as soon as", ".toasts");
  await page.waitForFunction((before) => document.querySelector("pre").innerText !== before, before, { polling: 100 }).catch(() => check(false, "it was not read again"));

  // One that cannot be read says why, since when, and where it is.
  await open("#/sensor/home/attic/air");
  await shows("It cannot be read", ".problems");
  await shows("i2c-77", ".problems");
  await shows("i2c-77 0x77", ".facts");
  await shows("bme280", ".facts");
  await shows("There was no good reading", ".problems");
  await shows("Nothing of this sensor is recorded yet");
  await axe("a sensor that cannot be read");
  await narrow("a sensor that cannot be read");
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await shows("센서를 읽을 수 없습니다", ".problems");
  await shows("연결 위치", ".facts");
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("en")));
  await picture("sensor-fault");
});
