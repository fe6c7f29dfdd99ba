// What there is to say of the configuration file, and of a change that it did not
// take.
import { html } from "../../ui/html.js";
import { Action, Copy, Icon } from "../../ui/ui.js";
import { post } from "../../api.js";
import { said, t } from "../../i18n.js";

/** Reads the file again that somebody else has changed. */
export function ReadAgain({ onRead }) {
  const run = async () => {
    await post("config/reload");
    onRead();
  };
  return html`<${Action} run=${run}><${Icon} name="refresh" /> ${t("sensors.file.again")}<//>`;
}

/** Says that the file cannot be written, or was changed by somebody else. */
export function FileNotice({ file, onRead }) {
  if (file.changed) return html`<p class="notice"><span>${t("sensors.file.changed", { file: file.path })}</span> <${ReadAgain} onRead=${onRead} /></p>`;
  if (!file.writable) return html`<p class="notice">${file.path ? t("sensors.file.readonly", { file: file.path, why: file.why }) : said(file.why_said ?? { error: file.why })}</p>`;
  return null;
}

/** Why a change was refused, with what can be done about it. */
export function Refused({ error, onRead }) {
  if (!error) return null;
  const { yaml, changed, file } = error.answer ?? {};
  return html`<div class="refused" role="alert">
    <p class="error">${error.message}</p>
    ${yaml &&
    html`<p>${file ? t("sensors.file.paste", { file }) : t("sensors.file.pasteany")}</p>
      <pre>${yaml}</pre>
      <p class="actions"><${Copy} text=${yaml} /></p>`}
    ${changed &&
    html`<div class="diff">
        ${changed.was.map((l, i) => html`<pre key=${"w" + i} class="was"><span class="visually-hidden">${t("sensors.file.was")} </span>− ${l}</pre>`)}
        ${changed.is.map((l, i) => html`<pre key=${"i" + i} class="is"><span class="visually-hidden">${t("sensors.file.is")} </span>+ ${l}</pre>`)}
      </div>
      <p class="actions"><${ReadAgain} onRead=${onRead} /></p>`}
  </div>`;
}
