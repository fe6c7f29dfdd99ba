// What this is, and whose work is in it.
import { html } from "../../ui/html.js";
import { Failed, Loading, useLoad } from "../../ui/ui.js";
import { gateway } from "../../store.js";
import { t } from "../../i18n.js";

/** Reads vendor/VERSIONS: what is in the page of others. */
export function vendored(text) {
  const seen = new Map();
  for (const [, name, version, licence, file] of text.matchAll(/^file: \S+ from ((?:@[^/]+\/)?[^@]+)@([\d.]+)\/\S+, ([^,\n]+), (LICENSE-\S+)$/gm)) seen.set(name, { name, version, licence, file });
  return [...seen.values()];
}

async function libraries(signal) {
  const r = await fetch("static/vendor/VERSIONS", { signal });
  if (!r.ok) throw new Error(t("shell.unreachable"));
  return vendored(await r.text());
}

export function About() {
  const [all, error, again] = useLoad(libraries, []);
  const g = gateway.value;
  return html`<div class="stack">
    <section class="card">
      <h2>gateway</h2>
      <dl class="about">
        <div><dt>${t("settings.version")}</dt><dd>${g?.version}</dd></div>
        <div><dt>${t("settings.host")}</dt><dd>${g?.host}</dd></div>
        <div><dt>MQTT</dt><dd>${g?.mqtt.join(", ") || "–"}</dd></div>
        <div><dt>WebSocket</dt><dd>${g?.websocket.join(", ") || "–"}</dd></div>
      </dl>
      <p><a href="api/v1/openapi.json">${t("settings.api")}</a></p>
    </section>
    <section class="card">
      <h2>${t("settings.libraries")}</h2>
      ${error ? html`<${Failed} error=${error} again=${again} />` : !all ? html`<${Loading} />` : html`<ul class="libraries">${all.map((l) => html`<li key=${l.name}><b>${l.name}</b> ${l.version} · <a href=${`static/vendor/${l.file}`}>${l.licence}</a></li>`)}</ul>`}
    </section>
  </div>`;
}
