// The first run from another machine, as far as the gateway can tell: nothing is
// shown but the first step, which needs the code of the log.
import { run } from "./browser.mjs";

await run(
  async ({ page, open, shows, gateway, check, axe, narrow, picture, offline }) => {
    offline(true); // what is refused shows in the console
    await gateway("publish home/kitchen/climate 21.5");
    await open();
    await shows("Code of the log");
    await shows("journalctl");
    check(!(await page.innerText("body")).includes("21.5"), "readings are shown before there is a password");
    await axe("setup, with a code");
    await narrow("setup, with a code");
    await picture("setup-code");
    await page.keyboard.type("correct horse battery");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.type("correct horse battery");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.type("2222-2222");
    await page.keyboard.press("Enter");
    await shows("The code is wrong");
    await page.keyboard.type((await gateway("code")).toLowerCase());
    await page.keyboard.press("Enter");
    await shows("Step 2 of 2");
    await open();
    await shows("21.5");
  },
  { anonymous: true },
);
