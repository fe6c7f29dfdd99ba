// The first run, the login and the tokens, by keyboard alone. Checks 4 and 25 of
// the dashboard's document, for what a browser sees of them.
import { run, url } from "./browser.mjs";

const password = "정확한 말 배터리 staple";

/** Asks the gateway from within the page, as a script of it would. */
const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const r = await fetch("api/v1/" + path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
      return [r.status, await r.text()];
    },
    [method, path, body],
  );

/** Presses Tab until what has the focus has a text or label. */
async function tabTo(page, text) {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      return [e.innerText, e.getAttribute("aria-label"), e.labels?.[0]?.innerText].filter(Boolean).join(" ");
    });
    if (at.includes(text)) return;
  }
  throw new Error(`the keyboard does not lead to “${text}”`);
}

await run(
  async ({ context, page, open, shows, gone, gateway, check, axe, narrow, picture, offline }) => {
    const focused = () => page.evaluate(() => document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText);

    // Nobody writes before there is a password; this machine may look.
    await gateway("publish home/kitchen/climate 21.5");
    await open();
    await shows("Nobody has set a password yet");
    await shows("Climate", "article");
    offline(true); // what is refused shows in the console
    for (const [method, path] of [["POST", "tokens"], ["POST", "password"], ["DELETE", "tokens/x"]]) {
      const [status, said] = await ask(page, method, path, method === "POST" ? {} : undefined);
      check(status === 403 && said.includes("until there is a password"), `${method} ${path} before there is a password: ${status} ${said}`);
    }
    offline(false);

    for (const where of ["#/settings", "#/sensors"]) { // and says so where something could be changed
      await open(where);
      await shows("Nobody has set a password yet", ".notice");
      await narrow(where);
    }
    await open();
    await shows("Nobody has set a password yet");

    // The wizard.
    await tabTo(page, "Set a password");
    await page.keyboard.press("Enter");
    await shows("Step 1 of 2");
    await page.waitForFunction(() => document.activeElement.type === "password");
    await axe("setup");
    await narrow("setup");
    await picture("setup");
    await page.keyboard.type("short");
    await page.keyboard.press("Enter");
    await shows("At least 8 characters are needed");
    await page.waitForFunction(() => document.activeElement.labels?.[0]?.innerText === "Password").catch(() => {});
    check((await focused()) === "Password", "the focus is not at what is wrong");
    await page.keyboard.type(password); // what was there is selected
    await tabTo(page, "The same again");
    await page.keyboard.type(password + "x");
    await page.keyboard.press("Enter");
    await shows("The two are not the same");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await shows("Step 2 of 2");
    await shows("Scan for sensors");
    await axe("setup, what next");
    await narrow("setup, what next");
    await tabTo(page, "Scan for sensors");
    await tabTo(page, "Connect devices");
    await tabTo(page, "Go to the page");
    await page.keyboard.press("Enter");
    await shows("Climate", "article");
    await gone("Nobody has set a password yet");
    check((await ask(page, "GET", "tokens"))[0] === 200, "who has set the password may not list tokens");
    const [cookie] = await context.cookies();
    check(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.name.startsWith("gateway_"), `the cookie is ${JSON.stringify({ ...cookie, value: "" })}`);
    await page.reload();
    await shows("Climate", "article");
    await shows("Log out", ".top");

    // Log out, and in again; a wrong password is said to be wrong.
    await tabTo(page, "Log out");
    await page.keyboard.press("Enter");
    await page.waitForSelector("input[type=password]");
    await page.waitForFunction(() => document.activeElement.type === "password");
    await axe("login");
    await narrow("login");
    await picture("login");
    offline(true);
    await page.keyboard.type("wrong password");
    await page.keyboard.press("Enter");
    await shows("The password is wrong.");
    await axe("login, wrong");
    for (let i = 0; i < 8 && !(await page.innerText("body")).includes("Too many wrong tries"); i++) {
      await page.keyboard.type("wrong password");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => /is wrong|Too many/.test(document.body.innerText) && !/Checking/.test(document.body.innerText));
    }
    await shows("Too many wrong tries");
    await shows("s to wait");
    await gone("Too many wrong tries"); // it is over
    await page.fill("input[autocomplete=current-password]", password);
    await page.keyboard.press("Enter");
    await shows("Climate", "article");
    offline(false);

    // In Korean.
    await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("ko")));
    await open("#/setup");
    await shows("다음에 할 일");
    await page.evaluate(() => import("/static/i18n.js").then((m) => m.choose("en")));

    // What the settings have of this: a token, shown once; the password changed.
    await page.evaluate(async () => {
      const [{ render }, { html }, { Account, Tokens }] = await Promise.all(["vendor/preact.js", "ui/html.js", "ui/account.js"].map((m) => import("/static/" + m)));
      const place = document.querySelector("main");
      place.textContent = "";
      render(html`<h1>Settings</h1><${Account} /><${Tokens} />`, place);
    });
    await shows("There are no tokens yet");
    await page.fill("input[placeholder='hallway display']", "wall");
    await page.keyboard.press("Enter");
    await shows("It is shown only now", "dialog");
    await axe("a token");
    const token = await page.innerText("dialog pre");
    const wall = await page.innerText("dialog div:nth-of-type(2) pre");
    check(/^gw_[\w-]{43}$/.test(token) && wall === `${url}/?token=${token}&kiosk=1`, `the token is ${token}, its link ${wall}`);
    await page.keyboard.press("Escape");
    await shows("Last used", ".tokens");
    await axe("account");
    await narrow("account");
    await page.fill("input[autocomplete=current-password]", password);
    await page.fill("input[autocomplete=new-password] >> nth=0", "another password");
    await page.fill("input[autocomplete=new-password] >> nth=1", "another password");
    await page.keyboard.press("Enter");
    await shows("The password is changed");
    check((await ask(page, "GET", "tokens"))[0] === 200, "who changes the password is logged out");

    // A display on a wall: it looks, the token is not in its address, and it changes nothing.
    const mine = await context.cookies();
    await context.clearCookies();
    await page.goto(wall);
    await shows("Climate", "article");
    check(page.url().replace(/#.*/, "") === `${url}/?kiosk=1`, `the display is at ${page.url()}`);
    await page.reload();
    await shows("Climate", "article");
    offline(true);
    for (const [method, path, body] of [["POST", "tokens", { name: "x", role: "admin" }], ["GET", "tokens"], ["POST", "password", { old: "another password", new: "a third password" }], ["POST", "logout", { everywhere: true }]]) {
      const [status] = await ask(page, method, path, body);
      check(status === 403, `${method} ${path} by a display: ${status}`);
    }
    offline(false);
    // The bell only tells.
    const controls = () => page.evaluate(() => [...document.querySelectorAll("main :is(form, button, input, select, textarea), .top :is(button:not([aria-expanded]), a.button)")].map((e) => e.outerHTML.slice(0, 120)));
    check((await controls()).length === 0, `a display has ${await controls()}`);
    // No page offers it what it may not do.
    offline(true);
    for (const name of await page.evaluate(() => import("/static/pages.js").then((m) => Object.keys(m.pages)))) {
      if (name === "setup" || name === "login" || name === "home") continue;
      await page.goto(`${url}/?kiosk=1#/${name}`);
      await page.waitForFunction(() => document.querySelector("main") && !document.querySelector("main .loading"));
      const offers = await page.evaluate(() =>
        [...document.querySelectorAll("main :is(button, a.button, input[type=submit])")]
          .filter((e) => e.checkVisibility())
          .map((e) => e.innerText || e.getAttribute("aria-label") || "")
          .filter((text) => /^(save|delete|remove|add|publish|send|kick|disconnect|acknowledge|revoke|make|change|restore|upload|scan|edit|new|create|silence|clear|log (in|out)|set a)\b/i.test(text.trim())),
      );
      check(offers.length === 0, `a display at ${name} is offered: ${offers}`);
    }
    await page.goto(`${url}/?kiosk=1`);
    await shows("Climate", "article");
    offline(false);
    await axe("kiosk");
    await narrow("kiosk");
    await picture("kiosk");

    // Its token is revoked: it is out at once.
    await gateway(`revoke ${mine.map((c) => `${c.name}=${c.value}`)[0]}`);
    offline(true);
    await page.waitForSelector("input[type=password]");
    await page.goto(wall);
    await shows("was revoked");
    await shows("폐기되었습니다");
  },
  { anonymous: true },
);
