// Sensors: those of the configuration, and the way to another one.
import { html } from "../ui/html.js";
import { Failed, Icon, Loading, toast, useLoad } from "../ui/ui.js";
import { LookOnly } from "../ui/look-only.js";
import { State, sensorLink } from "../ui/tile.js";
import { useState } from "../vendor/hooks.js";
import { age, parts, short, title } from "../format.js";
import { get } from "../api.js";
import { link } from "../router.js";
import { isAdmin } from "../session.js";
import { ageAt, now, sensors } from "../store.js";
import { t } from "../i18n.js";
import { Edit, Remove } from "./sensors/edit.js";
import { FileNotice } from "./sensors/file.js";
import { ByHand } from "./sensors/hand.js";
import { Wizard } from "./sensors/wizard.js";

/** The words of the status topic as the page has them. */
const states = { online: "live", stale: "stale", fault: "fault", offline: "offline", "": "unknown" };

/** What it says now, by the stream. */
function Reading({ path }) {
  const live = sensors.value.get(path);
  if (!live || live.values.length === 0) return html`<span class="soft">${t("sensors.never")}</span>`;
  const some = live.values.slice(0, 3).map((v) => parts(v).filter(Boolean).join(" "));
  return html`<span class="values">${some.join(" · ")}</span> <span class="age">${age(ageAt(live, now.value))}</span>`;
}

function Errors({ sensor }) {
  const n = Object.values(sensor.errors).reduce((a, b) => a + b, 0);
  if (n === 0) return html`<span class="soft">0</span>`;
  const kinds = Object.entries(sensor.errors).map(([kind, k]) => `${t(`sensors.error.${kind}`)} ${k}`);
  return html`<details><summary>${n.toLocaleString()}</summary><p>${kinds.join(", ")}</p><p class="mono">${sensor.last_error}</p></details>`;
}

function Item({ sensor, onEdit, onRemove }) {
  const live = sensors.value.get(sensor.path);
  const cell = (key, body) => html`<div class="cell"><dt>${t(`sensors.${key}`)}</dt><dd>${body}</dd></div>`;
  return html`<li class="card sensor-item">
    <header>
      <h3><a href=${sensorLink(sensor.path)}>${title(sensor.name)}</a> <span class="soft">${title(sensor.room)}</span></h3>
      <${State} state=${live?.state ?? states[sensor.status]} />
    </header>
    <dl>
      ${cell("reading", html`<${Reading} path=${sensor.path} />`)}
      ${cell("driver", html`<span title=${sensor.title}>${sensor.driver}</span>`)}
      ${sensor.where && cell("where", html`<span class="mono">${sensor.where}</span>`)}
      ${cell("interval", short(sensor.interval_ms / 1000))}
      ${cell("topic", html`<span class="mono">${sensor.path}</span>`)}
      ${cell("errors", html`<${Errors} sensor=${sensor} />`)}
    </dl>
    ${isAdmin.value &&
    html`<p class="actions">
      <button type="button" onClick=${() => onEdit(sensor)} aria-label=${t("sensors.edit.of", { name: sensor.path })}><${Icon} name="edit" /> ${t("sensors.edit")}</button>
      <button type="button" onClick=${() => onRemove(sensor)} aria-label=${t("sensors.remove.of", { name: sensor.path })}><${Icon} name="trash" /> ${t("sensors.remove")}</button>
    </p>`}
  </li>`;
}

function Empty() {
  return html`<section class="empty">
    <h2>${t("sensors.empty")}</h2>
    <p>${t("sensors.empty.do")}</p>
    <p class="actions">
      ${isAdmin.value && html`<a class="button primary" href=${link("sensors", ["add"])}><${Icon} name="search" /> ${t("sensors.scan")}</a>`}
      <a class="button" href=${link("connect")}><${Icon} name="link" /> ${t("sensors.connect")}</a>
    </p>
  </section>`;
}

function List() {
  const [list, error, again] = useLoad((signal) => get("sensors/configured", { signal }), []);
  const [editing, setEditing] = useState(null);
  const [removing, setRemoving] = useState(null);
  const done = (text) => {
    setEditing(null);
    setRemoving(null);
    if (text) toast(text);
    again();
  };
  if (error && !list) return html`<${Failed} error=${error} again=${again} />`;
  if (!list) return html`<${Loading} />`;
  return html`<div class="page-head">
      <h1>${t("shell.page.sensors")}</h1>
      ${isAdmin.value &&
      html`<p class="actions">
        <a class="button primary" href=${link("sensors", ["add"])}><${Icon} name="search" /> ${t("sensors.scan")}</a>
        <a class="button" href=${link("sensors", ["hand"])}><${Icon} name="plus" /> ${t("sensors.hand")}</a>
      </p>`}
    </div>
    <${LookOnly} />
    ${isAdmin.value && html`<${FileNotice} file=${list.file} onRead=${() => done(t("sensors.file.read"))} />`}
    ${list.sensors.length === 0 ? html`<${Empty} />` : html`<ul class="sensor-list">${list.sensors.map((s) => html`<${Item} key=${s.path} sensor=${s} onEdit=${setEditing} onRemove=${setRemoving} />`)}</ul>`}
    <p class="soft others">${t("sensors.others")} <a href=${link("connect")}>${t("sensors.connect")}</a></p>
    ${editing && html`<${Edit} sensor=${editing} site=${list.site} onClose=${() => setEditing(null)} onDone=${() => done(t("sensors.changed"))} />`}
    ${removing && html`<${Remove} sensor=${removing} onClose=${() => setRemoving(null)} onDone=${() => done(t("sensors.removed", { name: removing.path }))} />`}`;
}

export default function Sensors({ params }) {
  if (!isAdmin.value && params.length > 0) return html`<${List} />`;
  if (params[0] === "add") return html`<${Wizard} />`;
  if (params[0] === "hand") return html`<${ByHand} />`;
  return html`<${List} />`;
}
