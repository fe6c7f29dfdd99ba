// Every page: for a screen reader, on a phone, in every language, by keyboard; and
// the pictures of the README. Check 24 of the dashboard's document.
import { run } from "./browser.mjs";

/** The pages, with what has to be there before one is looked at. */
const pages = [
  ["home", "#/", "article .number"],
  ["sensor", "#/sensor/demo/kitchen/climate", "main canvas"],
  ["charts", "#/charts?range=7d&s=demo/kitchen/climate%23temperature&s=demo/kitchen/climate%23humidity", "main canvas"],
  ["explorer", "#/explorer?topic=demo/kitchen/climate", "[role=treeitem]"],
  ["sensors", "#/sensors", "main table, main li, main article"],
  ["system", "#/system", "main table"],
  ["alerts", "#/alerts", "main h1"],
  ["settings", "#/settings/retention", "[role=tab]"],
  ["connect", "#/connect", "main pre"],
];

/** For the pictures: the folder of the test has the name of the usual one. */
function usualFolder() {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(/\/\S*\/TestPageEvery\d+\/\d+/g, "/etc/gateway");
}

await run(async ({ page, open, check, axe, narrow, picture }) => {
  const words = (language) => page.evaluate((l) => import("/static/i18n.js").then((m) => m.choose(l)), language);
  for (const [name, hash, ready] of pages) {
    await open(hash);
    await page.waitForSelector(ready);
    await page.waitForFunction(() => !document.querySelector("main .loading"));
    await axe(name);
    await narrow(name);
    await page.evaluate(usualFolder);
    await picture(name);
    check((await page.locator("main h1").count()) === 1, `${name}: not one h1`);

    // In Korean: no key in the place of words, and Korean there.
    await words("ko");
    await page.waitForFunction(() => document.documentElement.lang === "ko");
    const text = await page.innerText("body");
    const keys = text.match(/\b(shell|units|home|sensor|charts|explorer|sensors|system|alerts|settings|connect|setup|login)\.[a-z][a-z.]*\b/g);
    check(!keys, `${name} in Korean shows keys: ${keys}`);
    check(/[가-힣]/.test(await page.innerText("main")), `${name} in Korean is not Korean`);
    await narrow(`${name} in Korean`);
    await words("en");

    // By keyboard: whatever can be clicked can be reached, and shows that it is.
    const unreachable = await page.evaluate(() =>
      [...document.querySelectorAll("main [onclick], main .clickable")].filter((e) => !e.matches("a, button, input, select, textarea, summary, [tabindex]")).map((e) => e.outerHTML.slice(0, 120)),
    );
    check(unreachable.length === 0, `${name}: not by keyboard: ${unreachable}`);
  }
});
