// Check 5: the simulated house is there soon, is removed with its history, and comes
// again when somebody asks for it.
import { run } from "./browser.mjs";

await run(async ({ page, open, url, shows, gone, check, axe, narrow }) => {
  await open();
  await shows("Demo", ".top");
  const soon = () => page.waitForFunction(() => document.querySelectorAll("article").length >= 15, null, { timeout: 5000 }).then(() => true, () => false);
  let there = await soon();
  for (let attempt = 0; attempt < 4 && !there; attempt++) { // the machine may be busy
    await page.reload();
    there = await soon();
  }
  check(there, "the house takes more than 5 s");
  await page.waitForFunction(() => document.querySelectorAll("article .hour").length >= 8); // figures of an hour that nobody has seen
  const answer = (path) => page.evaluate(async (path) => (await fetch(path)).json(), path);
  check((await answer("api/v1/series?filter=demo/%23")).length > 20, "the house has no history");
  await axe("home with the demo");
  await narrow("home with the demo");

  // Somebody thinks better of it.
  await page.getByRole("button", { name: "Demo: Remove the demo" }).click();
  await shows("What is real stays", "dialog");
  await axe("the question");
  await page.keyboard.press("Escape");
  await gone("dialog");
  check((await answer("api/v1/sensors")).sensors.length === 15, "the house went without an answer");

  await page.getByRole("button", { name: "Demo: Remove the demo" }).click();
  await page.locator("dialog").getByRole("button", { name: "Remove the demo" }).click();
  await shows("The demo is gone", ".toasts");
  await gone("article");
  await gone(".top .badge");
  await shows("No readings yet");
  check((await answer("api/v1/series?filter=demo/%23")).length === 0, "its history is still there");

  await page.getByRole("button", { name: "Try the demo" }).click();
  await page.waitForFunction(() => document.querySelectorAll("article").length >= 15);
  await shows("Demo", ".top");
  await page.goto(url); // what is there from the start
  await shows("Demo", ".top");
});
