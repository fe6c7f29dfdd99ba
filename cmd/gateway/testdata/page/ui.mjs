// What the pieces of ui/ui.js do that every page relies on, with the keyboard.
import { run } from "./browser.mjs";

await run(async ({ page, open, shows, check }) => {
  await open();
  await shows("No readings yet");

  /** Shows something of ui.js beside the page. */
  const stage = (body) =>
    page.evaluate(async (body) => {
      const { render } = await import("/static/vendor/preact.js");
      const { html } = await import("/static/ui/html.js");
      const hooks = await import("/static/vendor/hooks.js");
      const ui = await import("/static/ui/ui.js");
      document.getElementById("stage")?.remove();
      const root = document.createElement("div");
      root.id = "stage";
      document.body.prepend(root);
      const parts = { html, hooks, ui };
      window.parts = parts;
      const App = stages[body](parts);
      render(html`<${App} />`, root);
    }, body);
  await page.addInitScript(() => {
    window.log = [];
    window.stages = {
      // A dialog that asks before it closes.
      careful: ({ html, hooks, ui }) => () => {
        const [open, setOpen] = hooks.useState(false);
        const close = async () => {
          const yes = await ui.confirm({ title: "Leave?", text: "What you wrote is lost.", action: "Leave it" });
          log.push(yes);
          if (yes) setOpen(false);
        };
        return html`<button id="open" onClick=${() => setOpen(true)}>Open</button>
          ${open && html`<${ui.Dialog} title="Write" onClose=${close}><input id="text" /><${ui.Copy} text="in a dialog" /><//>`}`;
      },
      slow: ({ html, ui }) => () => html`<${ui.Action} run=${() => new Promise((resolve) => (log.push("run"), (window.done = resolve)))}>Do it<//>`,
      load: ({ html, hooks, ui }) => () => {
        const [of, setOf] = hooks.useState("one");
        const [value] = ui.useLoad(() => new Promise((resolve) => (window["come_" + of] = () => resolve(of))), [of]);
        window.turn = setOf;
        return html`<p id="value">${value ?? "nothing"}</p>`;
      },
    };
  });
  await page.reload();
  await shows("No readings yet");

  // Escape, twice: whoever has asked gets an answer.
  await stage("careful");
  await page.click("#open");
  await page.fill("#text", "abc");
  // What a browser says of a choice of files that somebody has left is not of the dialog.
  await page.evaluate(() => document.querySelector("#text").dispatchEvent(new Event("cancel", { bubbles: true })));
  await page.evaluate(() => new Promise(requestAnimationFrame));
  check((await page.locator("dialog").count()) === 1, "leaving a choice of files leaves the dialog");
  await page.keyboard.press("Escape");
  await shows("What you wrote is lost");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => log.length === 1);
  check((await page.evaluate(() => log[0])) === false, "Escape is not no");
  await page.waitForFunction(() => document.querySelectorAll("dialog:modal").length === 1);
  check((await page.inputValue("#text")) === "abc", "the dialog below is another one");
  await page.keyboard.press("Escape");
  await shows("What you wrote is lost");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => log.length === 2 && document.querySelectorAll("dialog").length === 1);
  // A browser may close a dialog without asking: Escape when nobody has touched the
  // page since the last one, a gesture of a phone.
  const close = () => page.evaluate(() => [...document.querySelectorAll("dialog:modal")].at(-1).close());
  await close();
  await shows("What you wrote is lost");
  await close();
  await page.waitForFunction(() => log.length === 3 && document.querySelectorAll("dialog").length === 1);
  check((await page.inputValue("dialog:modal #text")) === "abc", "the dialog is not there any more");
  // A second question takes the place of the first, which is answered with no.
  await page.evaluate(() => {
    parts.ui.confirm({ title: "First", text: "The first one.", action: "Yes" }).then((yes) => log.push(`first ${yes}`));
    parts.ui.confirm({ title: "Second", text: "The second one.", action: "Yes" }).then((yes) => log.push(`second ${yes}`));
  });
  await shows("The second one");
  await page.waitForFunction(() => log.includes("first false"));
  await page.keyboard.press("Tab");
  await page.click("dialog:modal:last-of-type .primary");
  await page.waitForFunction(() => log.includes("second true"));

  // Copying where the page has no TLS: also what is in a dialog.
  await page.evaluate(() => {
    Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true });
    addEventListener("copy", () => (window.copied = document.activeElement.value));
  });
  await page.click("dialog:modal .body button");
  await shows("Copied");
  check((await page.evaluate(() => window.copied)) === "in a dialog", "nothing was copied");
  check((await page.evaluate(() => document.activeElement.closest("dialog .body button") !== null)) === true, "the keyboard has lost the button that copies");
  await page.keyboard.press("Escape");
  await shows("What you wrote is lost");
  await page.click("dialog:modal >> text=Leave it");
  await page.waitForFunction(() => document.querySelectorAll("dialog").length === 0);
  await page.waitForFunction(() => document.activeElement.id === "open"); // the keyboard is where it was before

  // A button that is busy keeps the keyboard, and does it once.
  await stage("slow");
  await page.evaluate(() => (log.length = 0));
  await page.focus("#stage button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#stage [aria-busy=true]");
  await page.keyboard.press("Enter");
  await page.evaluate(() => done());
  await page.waitForSelector("#stage [aria-busy=true]", { state: "detached" });
  check((await page.evaluate(() => document.activeElement.innerText)) === "Do it", "the keyboard has lost the button that was busy");
  check((await page.evaluate(() => log.length)) === 1, "it was done twice");

  // What was asked for first and comes last is not shown.
  await stage("load");
  await page.waitForFunction(() => window.come_one);
  await page.evaluate(() => turn("two"));
  await page.waitForFunction(() => window.come_two);
  await page.evaluate(() => come_two());
  await shows("two", "#value");
  await page.evaluate(async () => {
    come_one();
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
  });
  check((await page.innerText("#value")) === "two", "what was asked for before is shown");

  // A page of a newer gateway does not fit what is loaded: to try again is to load all.
  await page.route("**/pages/connect.js", (r) => r.fulfill({ contentType: "text/javascript", body: 'import { fromTheFuture } from "../ui/ui.js"; export default fromTheFuture;' }));
  await page.goto(page.url().replace(/#.*/, "#/connect"));
  await shows("Try again", "main");
  await page.unroute("**/pages/connect.js");
  await page.click("main button");
  await page.waitForSelector("main h1");
});
