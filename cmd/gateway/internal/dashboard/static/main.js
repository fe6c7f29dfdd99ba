// The beginning: colours, words, who looks; then the page that the address asks for.
import { render } from "./vendor/preact.js";
import { html } from "./ui/html.js";
import { lang, load } from "./i18n.js";
import { refresh } from "./session.js";
import { applyTheme } from "./theme.js";
import { Shell } from "./shell.js";

applyTheme();
document.documentElement.lang = lang.value;
// Without an answer the page begins anyway: it says that the line is down.
await Promise.all([load("shell", "units"), refresh()]);
const root = document.getElementById("app");
root.textContent = "";
render(html`<${Shell} />`, root);
