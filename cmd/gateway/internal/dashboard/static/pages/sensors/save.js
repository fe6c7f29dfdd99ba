// The last steps to a new sensor: its name, and that it is there.
import { html } from "../../ui/html.js";
import { Action, Icon } from "../../ui/ui.js";
import { State, sensorLink, stateAt } from "../../ui/tile.js";
import { useState } from "../../vendor/hooks.js";
import { parts, quantity } from "../../format.js";
import { post } from "../../api.js";
import { link } from "../../router.js";
import { now, sensors } from "../../store.js";
import { t } from "../../i18n.js";
import { Refused } from "./file.js";
import { Names, named } from "./name.js";

/** Asks for room and name, and saves. onSaved gets the topic. */
export function Save({ form, set, site, onSaved }) {
  const [error, setError] = useState(null);
  const run = async () => {
    setError(null);
    try {
      const done = await post("sensors", form);
      onSaved(done.path, done.file);
    } catch (e) {
      setError(e);
    }
  };
  return html`<form class="save" onSubmit=${(e) => e.preventDefault()}>
    <${Names} form=${form} set=${set} site=${site} />
    <${Refused} error=${error} onRead=${() => setError(null)} />
    <p class="actions"><${Action} class="primary" type="submit" run=${run} disabled=${!named(form)}><${Icon} name="check" /> ${t("sensors.save")}<//></p>
  </form>`;
}

/** What a sensor that was saved says now. */
export function Saved({ path, file, again }) {
  const live = sensors.value.get(path);
  return html`<section class="card saved" role="status">
    <h2><${Icon} name="check" /> ${t("sensors.saved")}</h2>
    <p>${t("sensors.saved.where", { file })}</p>
    <p><a class="mono" href=${sensorLink(path)}>${path}</a> ${live && html`<${State} state=${stateAt(live, now.value)} />`}</p>
    ${live
      ? html`<dl class="live-values">${live.values.map((v) => html`<div key=${v.quantity}><dt>${quantity(v)}</dt><dd>${parts(v).filter(Boolean).join(" ")}</dd></div>`)}</dl>`
      : html`<p class="soft">${t("sensors.saved.waiting")}</p>`}
    <p class="actions">
      <a class="button primary" href=${sensorLink(path)}>${t("sensors.saved.open")}</a>
      <button type="button" onClick=${again}>${t("sensors.saved.another")}</button>
      <a class="button" href=${link("sensors")}>${t("sensors.all")}</a>
    </p>
  </section>`;
}
