// A sensor of the configuration is changed, or taken out of it.
import { html } from "../../ui/html.js";
import { Action, Dialog, useLoad } from "../../ui/ui.js";
import { useState } from "../../vendor/hooks.js";
import { del, get, put } from "../../api.js";
import { t } from "../../i18n.js";
import { Refused } from "./file.js";
import { Option } from "./hand.js";
import { Names, named } from "./name.js";

const address = (s) => `sensors/${encodeURIComponent(s.room)}/${encodeURIComponent(s.name)}`;

/** What of a form differs from what is configured. */
function difference(form, was) {
  const some = {};
  for (const key of ["room", "name", "interval"]) if (form[key] !== was[key]) some[key] = form[key];
  const options = Object.fromEntries(Object.entries(form.options ?? {}).filter(([k, v]) => v !== (was.options?.[k] ?? "")));
  if (Object.keys(options).length > 0) some.options = options;
  return some;
}

export function Edit({ sensor, site, onClose, onDone }) {
  const [drivers] = useLoad((signal) => get("drivers", { signal }), []);
  const driver = drivers?.find((d) => d.name === sensor.driver);
  const [form, setForm] = useState({ ...sensor.form });
  const [error, setError] = useState(null);
  const change = difference(form, sensor.form);
  const renamed = "room" in change || "name" in change;
  const save = async () => {
    setError(null);
    try {
      await put(address(sensor), change);
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  const option = (o, value) => setForm((f) => ({ ...f, options: { ...f.options, [o.name]: value === "" ? o.default : value } }));
  return html`<${Dialog} title=${t("sensors.edit.of", { name: sensor.path })} onClose=${onClose}>
    <form onSubmit=${(e) => e.preventDefault()}>
      <${Names} form=${form} set=${(some) => setForm((f) => ({ ...f, ...some }))} site=${site} />
      ${renamed && html`<p class="soft">${t("sensors.renamed")}</p>`}
      ${driver?.options.length > 0 && html`<details><summary>${t("sensors.options")}</summary>${driver.options.map((o) => html`<${Option} key=${o.name} option=${o} value=${form.options?.[o.name]} onValue=${(v) => option(o, v)} />`)}</details>`}
      <${Refused} error=${error} onRead=${onDone} />
      <p class="actions">
        <button type="button" onClick=${onClose}>${t("shell.cancel")}</button>
        <${Action} class="primary" type="submit" run=${save} disabled=${!named(form) || Object.keys(change).length === 0}>${t("shell.save")}<//>
      </p>
    </form>
  <//>`;
}

export function Remove({ sensor, onClose, onDone }) {
  const [history, setHistory] = useState(false);
  const [error, setError] = useState(null);
  const remove = async () => {
    setError(null);
    try {
      await del(address(sensor) + (history ? "?history=true" : ""));
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  return html`<${Dialog} title=${t("sensors.remove.of", { name: sensor.path })} onClose=${onClose}>
    <p>${t("sensors.remove.what")}</p>
    <label class="check"><input type="checkbox" checked=${history} onChange=${(e) => setHistory(e.target.checked)} /> ${t("sensors.remove.history")}</label>
    <${Refused} error=${error} onRead=${onDone} />
    <p class="actions">
      <button type="button" onClick=${onClose}>${t("shell.cancel")}</button>
      <${Action} class="danger" run=${remove}>${t("sensors.remove")}<//>
    </p>
  <//>`;
}
