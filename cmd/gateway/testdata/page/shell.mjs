// The shell and Home. Checks 2, 6, 7 and 24 of the dashboard's document, for them.
import { run } from "./browser.mjs";

await run(async ({ context, page, open, shows, gone, gateway, check, axe, narrow, picture }) => {
  await open();
  await shows("No readings yet");
  await axe("home, empty");

  // A value appears; published again unchanged, its age begins anew (Home Assistant #10952).
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":21.46,"humidity":43.7}');
  await shows("21.5", "article");
  await page.waitForFunction(() => /([3-9]|\d\d) s ago|min ago/.test(document.querySelector("article .age").innerText));
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":21.46,"humidity":43.7}');
  await page.waitForFunction(() => /just now/.test(document.querySelector("article .age").innerText));

  // Every language, without a reload, and kept.
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
  await shows("정상", "article");
  await shows("온도", "article");
  await shows("연결됨", ".top");
  check((await page.getAttribute("html", "lang")) === "ko", "the document does not say that it is Korean");
  await page.reload();
  await shows("온도", "article");
  await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("en")));
  await shows("Temperature", "article");

  // By keyboard: the first stop leads past the navigation.
  await open();
  await shows("Temperature", "article");
  await page.keyboard.press("Tab");
  check((await page.evaluate(() => document.activeElement.innerText)) === "Skip to the content", "the first stop of the keyboard");
  await page.keyboard.press("Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "main", "skipping does not lead to the content");

  // An address that leads nowhere says so, and goes back.
  await open("#/nothing/here");
  await shows("There is no such page");
  await page.goBack();
  await shows("Temperature", "article");

  await axe("home");
  await narrow("home");
  await picture("home");

  // More tabs than a browser has connections: all of them live.
  const tabs = [];
  for (let i = 0; i < 7; i++) {
    const tab = await context.newPage();
    tabs.push(tab);
    await open("#/", tab);
    await shows("Temperature", "article", tab);
  }
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":33.3,"humidity":43.7}');
  for (const tab of [page, ...tabs]) await shows("33.3", "article", tab);
  for (const tab of tabs) await tab.close();
  await page.bringToFront();
  await gateway('publish home/kitchen/climate {"time":"$NOW","temperature":34.4,"humidity":43.7}');
  await shows("34.4", "article");
  await shows("connected", ".line");
  await gone("every 5 s", ".line");
});
