// System: check 23 of the dashboard's document.
import { run } from "./browser.mjs";

await run(async ({ context, page, open, shows, gone, gateway, check, axe, narrow, picture, offline, url }) => {
  const api = async (path) => (await context.request.get(`${url}/api/v1/${path}`)).json();
  const tab = (name) => page.getByRole("tab", { name, exact: true }).click();
  const until = (f, ...args) => page.waitForFunction(f, args, { polling: 50 });

  // A client is seen, with what it has subscribed to, and its connection ended.
  await open("#/system");
  await shows("No client has connected yet");
  await shows("no password needed", ".listeners");
  await gateway("watch watcher kitchen/#");
  await shows("watcher", ".clients");
  await shows("MQTT 5.0", ".clients");
  await page.getByRole("button", { name: "watcher", exact: true }).focus();
  await page.keyboard.press("Enter");
  await shows("kitchen/#", "dialog");
  await shows("QoS 1", "dialog");
  await shows("60 s", "dialog .facts"); // keep-alive
  await axe("a client");
  await narrow("a client");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Disconnect: watcher" }).click();
  await shows("its will is published", "dialog");
  await axe("the question");
  await page.locator("dialog .danger").click();
  await shows("watcher", ".ends");
  await shows("Disconnected by somebody on this page", ".ends");
  await shows("was connected for", ".ends");
  await gateway("unwatch");
  await gone("watcher", ".clients");
  offline(true); // what is gone is answered with 404
  await page.locator(".ends").getByRole("button", { name: "watcher" }).first().click();
  await shows("no session of it is kept", "dialog");
  await page.keyboard.press("Escape");
  offline(false);

  // What does not speak MQTT stands there with the reason.
  await gateway("garbage");
  await shows("Sent what is not allowed", ".ends");
  await shows("refused", ".ends");

  // A thousand clients.
  await gateway("crowd 1000");
  await shows("of 1,000 known", ".figures");
  await shows("1 to 50 of 1", ".pager");
  check((await page.locator(".clients tbody tr").count()) === 50, "all clients are in the page at once");
  await page.getByRole("button", { name: "Next" }).click();
  await shows("51 to 100", ".pager");
  await shows("crowd-0050", ".clients");
  await page.getByRole("button", { name: "Client id" }).click();
  await shows("crowd-0999", ".clients");
  check((await page.locator(".clients th[aria-sort=descending]").count()) === 1, "the order is not told");
  await page.getByRole("searchbox").fill("d-0777");
  await until(() => document.querySelectorAll(".clients tbody tr").length === 1);
  await shows("crowd-0777", ".clients");
  await axe("the broker");
  await narrow("the broker");
  await page.getByRole("searchbox").fill("nobody at all");
  await shows("No client matches");
  await page.getByRole("searchbox").fill("");
  await picture("system-broker");
  await gateway("disperse");
  await shows("The connection was lost", ".ends");

  // The bridge is cut: what waits rises, and its age; when it is back nothing is left.
  await tab("Bridge");
  await shows("Nothing waits", ".queue");
  await gateway("publish 5");
  await until(() => [...document.querySelectorAll("dl.facts > div")].some((d) => /Forwarded/.test(d.innerText) && /\b5$/.test(d.innerText)));
  await gateway("cut");
  await shows("not connected", ".bridge-card .state");
  await shows("Why it is not connected", ".error-box");
  await shows("What to do", ".error-box");
  await gateway("publish 300");
  await until(() => document.querySelector(".queue").dataset.waiting === "300");
  await shows("300 messages waiting", ".queue");
  await shows("kept until the line is up", ".queue");
  await gateway("publish 700");
  await until(() => document.querySelector(".queue").dataset.waiting === "1000");
  await until(() => Number(document.querySelector(".queue").innerText.match(/oldest for (\d+) s/)?.[1]) >= 3);
  await axe("the bridge");
  await narrow("the bridge");
  await picture("system-bridge");
  await gateway("restore");
  await until(() => document.querySelector(".queue").dataset.waiting === "0");
  await shows("Nothing waits", ".queue");
  await shows("connected", ".bridge-card .state");
  check((await api("bridges"))[0].dropped === 0, "messages were dropped");

  // How the machine is.
  await tab("Health");
  await shows("Processor temperature", ".healths");
  await until(() => document.querySelectorAll(".health").length === 9);
  const health = await api("system");
  for (const c of health.checks) {
    check((await page.locator(`.health[data-check=${c.id}]`).count()) === 1, `no tile for ${c.id}`);
  }
  check(!(await page.innerText("main")).includes("system."), "words are missing on Health");
  await shows("This machine", "main");
  await axe("health");
  await narrow("health");
  await picture("system-health");

  // The log, as it is written.
  await tab("Log");
  await shows("upstream connected", ".log-lines");
  await gateway("reload");
  await shows("reloaded passwords, rules and certificates", ".log-lines");
  check(!(await page.innerText(".log-lines")).includes("s3cret"), "a secret is in the log");
  await page.getByRole("button", { name: "Pause" }).click();
  await gateway("reload");
  await shows("1 new line", "main");
  await page.getByRole("button", { name: "Go on" }).click();
  await until(() => document.querySelector(".log-lines").innerText.split("reloaded passwords").length === 3);
  await page.getByRole("searchbox").fill("RELOADED");
  await gone("upstream connected", ".log-lines");
  await gateway("reload");
  await until(() => document.querySelector(".log-lines").innerText.split("reloaded passwords").length === 4);
  await page.getByRole("searchbox").fill("");
  await page.getByRole("combobox", { name: "Level" }).selectOption("warn");
  await shows("upstream not connected", ".log-lines");
  await gone("reloaded passwords", ".log-lines");
  await axe("the log");
  await narrow("the log");
  await picture("system-log");
  const log = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  check(/^gateway-\d+-\d+\.log$/.test((await log).suggestedFilename()), "the name of the log");

  // The bundle, and what is in it.
  const bundle = page.waitForEvent("download");
  await page.getByRole("button", { name: "Support bundle" }).click();
  const file = await bundle;
  check(/^gateway-support-\d+-\d+\.zip$/.test(file.suggestedFilename()), `the name is ${file.suggestedFilename()}`);
  await gateway("bundle " + (await file.path()));

  // The tab is in the address; in Korean no word is missing.
  await page.reload();
  await shows("upstream not connected", ".log-lines");
  await page.evaluate(() => localStorage.setItem("language", "ko"));
  for (const [name, words] of [["broker", "최근 연결 종료"], ["bridge", "대기 중인 것이 없습니다"], ["health", "프로세서 온도"], ["logs", "일시 정지"]]) {
    await open(`#/system?tab=${name}`);
    await page.reload();
    await shows(words, "main");
    check(!/\bsystem\.[a-z]/.test(await page.innerText("main")), `words are missing in Korean on ${name}`);
    await axe(`${name} in Korean`);
  }
});
