// How a sensor is called: room, name, how often it is read, and the topic that
// comes of that.
import { html } from "../../ui/html.js";
import { Field } from "../../ui/ui.js";
import { sensors } from "../../store.js";
import { t } from "../../i18n.js";

/** What is wrong with a level of a topic, "" if nothing is. */
export function levelProblem(text) {
  if (text === "") return t("sensors.name.missing");
  if (/[+#/\u0000]/.test(text)) return t("sensors.name.characters");
  return "";
}

/** The rooms that there are. */
const rooms = () => [...new Set([...sensors.value.values()].map((s) => s.room))].sort();

/** The intervals that are offered; another one can be written. */
const intervals = ["1s", "5s", "10s", "30s", "1m", "5m", "15m", "1h"];

/** Room, name and interval of form, changed by set({…}). */
export function Names({ form, set, site }) {
  const room = form.room === undefined || form.room === "" ? "" : levelProblem(form.room);
  const name = form.name === undefined || form.name === "" ? "" : levelProblem(form.name);
  return html`<div class="names">
    <${Field} label=${t("sensors.room")} hint=${t("sensors.room.hint")} error=${room}>
      ${(a) => html`<input ...${a} list="rooms" value=${form.room ?? ""} onInput=${(e) => set({ room: e.target.value.trim() })} autocomplete="off" autocapitalize="none" required />
        <datalist id="rooms">${rooms().map((r) => html`<option key=${r} value=${r} />`)}</datalist>`}
    <//>
    <${Field} label=${t("sensors.name")} hint=${t("sensors.name.hint")} error=${name}>
      ${(a) => html`<input ...${a} value=${form.name ?? ""} onInput=${(e) => set({ name: e.target.value.trim() })} autocomplete="off" autocapitalize="none" required />`}
    <//>
    <${Field} label=${t("sensors.interval")} hint=${t("sensors.interval.hint")}>
      ${(a) => html`<input ...${a} list="intervals" value=${form.interval ?? ""} placeholder="10s" onInput=${(e) => set({ interval: e.target.value.trim() })} autocomplete="off" />
        <datalist id="intervals">${intervals.map((r) => html`<option key=${r} value=${r} />`)}</datalist>`}
    <//>
    <p class="topic-preview"><span class="soft">${t("sensors.topic")}</span> <span class="mono">${site}/${form.room || "…"}/${form.name || "…"}</span></p>
  </div>`;
}

/** Whether room and name can be saved. */
export const named = (form) => !levelProblem(form.room ?? "") && !levelProblem(form.name ?? "");
