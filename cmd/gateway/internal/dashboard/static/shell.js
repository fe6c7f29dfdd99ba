// What is around every page: header, navigation, messages.
import { useEffect, useState } from "./vendor/hooks.js";
import { html } from "./ui/html.js";
import { Icon, Question, Toasts } from "./ui/ui.js";
import { Bell } from "./ui/bell.js";
import { DemoBadge } from "./ui/demo.js";
import { lang, t } from "./i18n.js";
import { moment } from "./format.js";
import { page, pages } from "./pages.js";
import { link, route } from "./router.js";
import { kiosk, maySee, refresh, session } from "./session.js";
import { post } from "./api.js";
import { follow, forget, gateway, lastData, line } from "./store.js";
import { nextTheme, theme } from "./theme.js";
import { stayAwake } from "./ui/wake.js";

if (kiosk) stayAwake();

function Line() {
  const at = lastData.value && moment(lastData.value);
  const text = line.value === "lost" && at ? t("shell.line.last", { at }) : t(`shell.line.${line.value}`);
  const good = line.value === "live" || line.value === "asking";
  return html`<span class=${`line ${line.value}`} role="status" title=${text}><span aria-hidden="true">${good ? "●" : "◌"}</span> <span class=${good ? "wide" : ""}>${text}</span></span>`;
}

async function leave() {
  await post("logout").catch(() => {}); // the session is gone here anyway
  forget();
  await refresh();
}

function Header({ bare }) {
  const g = gateway.value;
  return html`<header class="top">
    <a class="brand" href="#/"><img src="static/icon.svg" alt="" width="28" height="28" /> ${g?.host || "gateway"}</a>
    <${DemoBadge} />
    <span class="grow"></span>
    ${(maySee.value || session.value === null) && html`<${Line} />`}
    ${maySee.value && html`<${Bell} />`}
    ${!kiosk && html`<button type="button" class="quiet" onClick=${nextTheme} title=${t("shell.theme.why")}>
      <${Icon} name=${theme.value === "dark" ? "moon" : theme.value === "light" ? "sun" : "auto"} /> <span class="wide">${t(`shell.theme.${theme.value}`)}</span>
    </button>`}
    ${!kiosk && session.value?.role && !session.value.setup && !session.value.local && html`<button type="button" class="quiet" onClick=${leave}><${Icon} name="leave" /> <span class="wide">${t("shell.logout")}</span></button>`}
    ${!kiosk && !bare && session.value && !session.value.role && !session.value.setup && html`<a class="quiet button" href="#/login"><${Icon} name="leave" /> <span class="wide">${t("shell.login")}</span></a>`}
  </header>`;
}

function Nav({ current }) {
  return html`<nav class="nav" aria-label=${t("shell.nav")}>
    ${Object.entries(pages).filter(([, p]) => p.nav).map(
      ([name, p]) => html`<a key=${name} href=${link(name)} aria-current=${name === current ? "page" : undefined}><${Icon} name=${p.icon} /> <span>${t(`shell.page.${name}`)}</span></a>`,
    )}
  </nav>`;
}

/**
 * The page that the address asks for, or why it cannot be shown. If it is not for
 * the line, the gateway is another version than what was loaded of it: all of it is
 * to be loaded again.
 */
function Outlet({ name, at }) {
  const [state, setState] = useState({ name: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    page(name).then(
      (Page) => gone || setState({ name, Page }),
      () => gone || setState({ name, failed: true }),
    );
    return () => (gone = true);
  }, [name, turn]);
  useEffect(() => {
    document.title = `${Object.hasOwn(pages, name) ? t(`shell.page.${name}`) : "?"} · ${gateway.value?.host || "gateway"}`;
  }, [name, lang.value, gateway.value?.host]);
  if (!Object.hasOwn(pages, name)) return html`<div class="empty"><h1>${t("shell.nowhere")}</h1><p><a href="#/">${t("shell.page.home")}</a></p></div>`;
  if (state.name !== name) return html`<p class="loading" role="status">${t("shell.loading")}</p>`;
  if (state.failed) return html`<div class="empty" role="alert"><p>${t("shell.unreachable")}</p><p><button type="button" onClick=${() => (line.value === "live" ? location.reload() : setTurn(turn + 1))}>${t("shell.again")}</button></p></div>`;
  return html`<${state.Page} params=${at.params} query=${at.query} />`;
}

/** Which page is to be shown to who looks: what is asked for, the login, or the first steps. */
function allowed(name) {
  const s = session.value;
  if (s === null) return name;
  if (pages[name]?.open) return name;
  if (maySee.value) return name;
  return s.setup ? "setup" : "login";
}

export function Shell() {
  const at = route.value;
  const name = allowed(at.page);
  useEffect(() => {
    if (maySee.value || session.value === null) follow();
    else forget(); // what is behind a login does not stay on the screen
  }, [maySee.value, session.value === null]);
  useEffect(() => {
    if (session.value === null && line.value === "live") refresh();
  }, [line.value]);
  const bare = name === "setup" || name === "login";
  return html`<div class=${`page${line.value === "lost" ? " lost" : ""}${kiosk ? " kiosk" : ""}${bare ? " bare" : ""}`}>
    <a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById("main").focus())}>${t("shell.skip")}</a>
    <${Header} bare=${bare} />
    ${!bare && !kiosk && html`<${Nav} current=${name} />`}
    <main id="main" tabindex="-1"><${Outlet} name=${name} at=${at} /></main>
    <footer class="bottom">gateway ${gateway.value?.version} · <a href="api/v1/openapi.json">API</a></footer>
    <${Toasts} />
    <${Question} />
  </div>`;
}
