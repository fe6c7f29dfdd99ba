// Alerts: check 17 of the dashboard's document.
import { run } from "./browser.mjs";

await run(async ({ context, page, open, shows, gone, gateway, check, axe, narrow, picture, offline, url }) => {
  const api = async (path = "alerts") => (await context.request.get(`${url}/api/v1/${path}`)).json();
  const happened = async (rule) => (await api()).recent.filter((e) => e.rule === rule).map((e) => e.what).reverse().join(" ");
  const measure = (x, topic = "home/kitchen/climate") => gateway(`publish ${topic} {"temperature":${x},"humidity":44}`);
  const card = ".alert.firing";

  await gateway("day home/kitchen/climate");
  await measure(21);
  await open("#/alerts");
  await shows("All is well: 0 values watched");
  await shows("any freezer", ".rules");
  await shows("gateway.yaml", ".rules");
  check((await page.locator(".rules button").count()) === 0, "a rule of the file can be changed on the page");

  // A rule is made by keyboard alone.
  await page.getByRole("button", { name: "New rule" }).focus();
  await page.keyboard.press("Enter");
  await page.locator('dialog input[name="value"]').focus();
  await page.keyboard.type("home/kitchen/climate#temperature");
  await shows("21", ".preview");
  await page.keyboard.press("Tab");
  await page.keyboard.type("warm"); // no number
  await page.locator('dialog input[name="name"]').focus();
  await page.keyboard.type("any freezer");
  await page.keyboard.press("Enter");
  await shows("This is no number", "dialog");
  await shows("a rule of that name already", "dialog");
  await page.waitForFunction(() => document.activeElement.name === "above").catch(() => check(false, "what is wrong does not get the keyboard"));
  await page.fill('dialog input[name="above"]', "30");
  await page.fill('dialog input[name="hysteresis"]', "1");
  await page.fill('dialog input[name="name"]', "too warm");
  await shows("Temperature of home/kitchen/climate is above 30 °C. It ends when the value is 29 °C or less.", "dialog .summary");
  await page.getByRole("button", { name: "Try on the last 7 days" }).click();
  await shows("It would have fired once, 2 h in all", ".trial");
  await shows("Last day: ", ".limits");
  await shows("Beyond the limit 8 % of the time", ".limits");
  await axe("the editor of a rule");
  await narrow("the editor of a rule");
  await picture("alerts-rule");
  await page.locator('dialog input[name="name"]').focus();
  await page.keyboard.press("Enter");
  await shows("The rule too warm is saved", ".toasts");
  await shows("too warm", ".rules");
  check((await gateway("retained home/alerts/too warm/state")) === "off", "an alert that is ok is not off");

  // The limit is passed: the alert shows here, in the bell, on Home and on MQTT.
  await measure(31);
  await shows("31.0 °C, above 30 °C", card);
  await shows("1 alert", ".bell");
  check((await gateway("retained home/alerts/too warm/state")) === "on", "MQTT does not say on");
  const detail = JSON.parse(await gateway("retained home/alerts/too warm/detail"));
  check(detail.state === "firing" && detail.value === 31 && detail.limit === 30 && detail.unit === "°C" && detail.severity === "warning" && detail.acknowledged === false, `MQTT says ${JSON.stringify(detail)}`);
  check(Math.abs(Date.now() - Date.parse(detail.since)) < 60_000, `since ${detail.since}`);
  await page.getByRole("button", { name: "1 alert" }).click();
  await shows("Temperature, home/kitchen/climate", ".bell-list");
  await axe("the bell");
  await page.keyboard.press("Escape");
  await gone("Temperature, home/kitchen/climate", ".bell");
  await open("#/");
  await shows("31.0 °C, above 30 °C", ".problems.firing");
  await shows("Temperature above 30 °C", "article .marks");
  await axe("home with an alert");
  await open("#/alerts");

  // Near the limit it does not flap.
  for (const x of [29.5, 30.2, 29.1, 30.4, 29.6]) await measure(x);
  await shows("29.6", `${card} .now`);
  check((await happened("too warm")) === "fired", `near the limit: ${await happened("too warm")}`);

  // Acknowledged it stays, also when the page is loaded again, and the gateway killed.
  await page.getByRole("button", { name: "Acknowledge: Temperature, home/kitchen/climate" }).click();
  await shows("acknowledged", card);
  await gone("1", ".bell button > span[aria-hidden]");
  await axe("alerts");
  await narrow("alerts");
  await picture("alerts");
  await page.reload();
  await shows("acknowledged", card);
  check(JSON.parse(await gateway("retained home/alerts/too warm/detail")).acknowledged === true, "MQTT does not know of the acknowledgement");
  offline(true);
  await gateway("kill");
  await shows("reconnecting", ".line");
  await gateway("start");
  await shows("connected", ".line");
  offline(false);
  await shows("acknowledged", card);
  await page.reload();
  await shows("acknowledged", card);
  check((await happened("too warm")) === "fired acknowledged", `after the restart: ${await happened("too warm")}`);
  check((await gateway("retained home/alerts/too warm/state")) === "on", "after the restart MQTT does not say on");
  await page.getByRole("button", { name: "Not acknowledged after all" }).click();
  await shows("1 alert", ".bell");

  // It ends, and that is said.
  await measure(28);
  await gone("above 30 °C", ".alerts-page section:first-of-type");
  await shows("All is well");
  await shows("ended", ".events");
  check((await gateway("retained home/alerts/too warm/state")) === "off", "MQTT does not say off");

  // A value that does not come.
  await context.request.post(`${url}/api/v1/alerts/rules`, { headers: { Origin: url }, data: { name: "silent", value: "home/cellar/pump#power", missing_ms: 1000 } });
  await shows("no value comes", card);
  await gateway('publish home/cellar/pump {"power":5}');
  await context.request.delete(`${url}/api/v1/alerts/rules/silent`, { headers: { Origin: url } });
  await gone("no value comes", ".alerts-page section:first-of-type");

  // A rule of the file is for many, and says what its owner wants; also in a tab
  // that has no stream, as others were looked at later.
  await open("#/");
  await shows("home", "main");
  const tabs = [];
  for (let i = 0; i < 4; i++) {
    tabs.push(await context.newPage());
    await open("#/", tabs[i]);
    await shows("connected", ".line", tabs[i]);
  }
  await shows("every 5 s", ".line");
  await measure(-5, "home/cellar/freezer");
  for (const tab of [page, ...tabs]) await shows("1 alert", ".bell", tab);
  await shows("freezer in the cellar: -5 °C", ".problems.firing");
  for (const tab of tabs) await tab.close();
  await page.bringToFront();
  await open("#/alerts");
  await shows("freezer in the cellar: -5 °C", card);
  await shows("critical", card);
  check((await gateway("retained home/alerts/any freezer/home/cellar/freezer/state")) === "on", "the alert of a rule with a wildcard");
  await gateway("acknowledge home/alerts/any freezer/home/cellar/freezer/ack");
  await shows("acknowledged", card);

  // Who may only look is offered nothing.
  await page.evaluate(() => import("/static/session.js").then((m) => (m.session.value = { ...m.session.value, role: "viewer" })));
  await page.waitForFunction(() => document.querySelectorAll(".alerts-page button").length === 0);
  await shows("critical", card);
  await page.reload();
  await shows("acknowledged", card);

  // A suggestion is a beginning.
  await page.getByRole("button", { name: "Too damp" }).click();
  await shows("Humidity of each home/+/+ is above 65 % for 30 min.", "dialog .summary");
  await shows("home/kitchen/climate#humidity", "dialog .preview");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });

  // In Korean, and gone.
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await shows("온도", ".rules");
  await shows("값이 30 °C보다 높으면 알립니다", ".rules");
  await axe("alerts in Korean");
  offline(true); // the browser calls an answer of 404 an error
  const refused = await page.evaluate(() => import("/static/api.js").then((m) => m.del("alerts/rules/nothing")).catch((e) => e.message));
  offline(false);
  check(refused === "그런 규칙이 없습니다: nothing", `what the gateway says is not Korean: ${refused}`);
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("en")));
  await page.getByRole("button", { name: "Disable: too warm" }).click();
  await shows("disabled", ".rules");
  await page.getByRole("button", { name: "Delete: too warm" }).click();
  await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
  await shows("The rule too warm is deleted", ".toasts");
  await page.waitForFunction(() => !document.querySelector(".rules").innerText.includes("too warm"));
});
