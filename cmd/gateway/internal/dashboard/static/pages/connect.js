// Connect: what to write into a device or a program, with the real host and port.
import { html } from "../ui/html.js";
import { Copy, Failed, Loading, Tabs, useLoad } from "../ui/ui.js";
import { Qr } from "./connect/qr.js";
import { get } from "../api.js";
import { go, link } from "../router.js";
import { sensors } from "../store.js";
import { choose, inUrl, openToNetwork, reach, snippets } from "../lib/snippets.js";
import { t } from "../i18n.js";

/** A sensor to show in examples: one that there is, or one that there could be. */
function example(site) {
  for (const s of [...sensors.value.values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const v = s.values.find((x) => x.quantity === "temperature") ?? s.values[0];
    if (v && !s.simulated) return { topic: s.path, quantity: v.quantity, unit: v.unit };
  }
  return { topic: `${site}/kitchen/climate`, quantity: "temperature", unit: "°C" };
}

function Door({ door, seen }) {
  const host = reach(door, seen);
  const where = door.protocol === "unix" ? door.host : `${door.protocol}://${inUrl(host || door.host)}:${door.port}`;
  const notes = [door.loopback ? t("connect.loopback") : t("connect.network"), door.anonymous ? t("connect.anonymous") : t("connect.login"), door.tls && t("connect.tls")].filter(Boolean);
  return html`<li><code>${where}</code> <span class="soft">${notes.join(" · ")}</span></li>`;
}

/** How the broker is opened to the network, if it is not. */
function OpenUp({ passwords }) {
  const how = openToNetwork(passwords);
  return html`<section class="card open-up">
    <h2>${t("connect.closed")}</h2>
    <p>${t("connect.closed.why")}</p>
    <ol>
      <li>${t("connect.closed.user")}<div class="snippet"><pre data-snippet="open/command">${how.command}</pre><${Copy} text=${how.command} /></div></li>
      <li>${t("connect.closed.yaml")}<div class="snippet"><pre data-snippet="open/yaml">${how.yaml}</pre><${Copy} text=${how.yaml} /></div></li>
      <li>${t("connect.closed.restart")}</li>
    </ol>
  </section>`;
}

function Snippet({ s, known }) {
  return html`<div class="snippets">
    <p>${t(`connect.how.${s.id}`, { topic: known.topic })}</p>
    ${!known.mqtt.anonymous && html`<p class="hint">${t("connect.user")}</p>`}
    ${s.id === "grafana" && html`<p class="hint">${t("connect.token")} <a href=${link("settings", ["access"])}>${t("connect.token.make")}</a></p>`}
    ${known.mqtt.tls && html`<p class="hint">${t("connect.ca")}</p>`}
    ${s.parts.map((p) => html`<figure key=${p.name}><figcaption>${p.name} <${Copy} text=${p.text} label=${`${t("shell.copy.do")} ${p.name}`} /></figcaption><pre tabindex="0" data-snippet=${`${s.id}/${p.name}`}>${p.text}</pre></figure>`)}
  </div>`;
}

/** The page's own address, for a phone. */
function Phone({ page, url }) {
  if (page.loopback) return html`<section class="card"><h2>${t("connect.phone")}</h2><p>${t("connect.phone.closed")}</p><pre>${'dashboard:\n  address: ":8080"\n'}</pre></section>`;
  return html`<section class="card"><h2>${t("connect.phone")}</h2><p>${t("connect.phone.how")} <a href=${url}>${url}</a></p><${Qr} text=${url} label=${t("connect.phone.qr", { url })} /></section>`;
}

export default function Connect({ params }) {
  const [c, error, again] = useLoad((signal) => get("connect", { signal }), []);
  if (error && !c) return html`<${Failed} error=${error} again=${again} />`;
  if (!c) return html`<${Loading} />`;
  const seen = location.hostname.replace(/^\[|\]$/g, "");
  const mqtt = choose(c.listeners, ["tcp", "tls"], seen) ?? { host: c.host || "gateway", port: 1883, tls: false, anonymous: false };
  const url = location.href.split("#")[0].replace(/\/$/, "");
  const known = { mqtt, ws: choose(c.listeners, ["ws", "wss"], seen), page: url, ...example(c.site) };
  const all = snippets(known).map((s) => ({ id: s.id, title: t(`connect.${s.id}`), view: () => html`<${Snippet} s=${s} known=${known} />` }));
  const open = c.listeners.some((l) => !l.loopback && l.protocol !== "unix");
  return html`<h1>${t("shell.page.connect")}</h1>
    <p>${t("connect.what")}</p>
    <ul class="doors">${c.listeners.map((d) => html`<${Door} key=${d.protocol + d.host + d.port} door=${d} seen=${seen} />`)}</ul>
    ${c.mdns && html`<p class="soft">${t("connect.mdns")} <code>${c.mdns}</code></p>`}
    ${c.listeners.length === 0 && html`<p class="notice">${t("connect.none")}</p>`}
    ${!open && html`<${OpenUp} passwords=${c.passwords} />`}
    <${Tabs} all=${all} current=${params[0] ?? "mosquitto"} label=${t("connect.tabs")} onSelect=${(id) => go(link("connect", [id]), { replace: true })} />
    <${Phone} page=${c.page} url=${url} />`;
}
