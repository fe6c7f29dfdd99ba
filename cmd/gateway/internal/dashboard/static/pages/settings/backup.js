// Everything in one file, and back.
import { html } from "../../ui/html.js";
import { Action, Failed, Field, Icon, Loading, confirm, toast, useLoad } from "../../ui/ui.js";
import { useState } from "../../vendor/hooks.js";
import { del, get, post } from "../../api.js";
import { moment, size } from "../../format.js";
import { t } from "../../i18n.js";

function Take() {
  const [history, setHistory] = useState(false);
  return html`<section class="card">
    <h2>${t("settings.backup.take")}</h2>
    <p>${t("settings.backup.what")}</p>
    <p class="hint">${t("settings.backup.secret")}</p>
    <label class="check"><input type="checkbox" checked=${history} onChange=${(e) => setHistory(e.target.checked)} /> <span>${t("settings.backup.history")}</span></label>
    <p class="actions"><a class="button primary" href=${`api/v1/backup${history ? "?history=true" : ""}`} download><${Icon} name="download" /> ${t("settings.backup.download")}</a></p>
  </section>`;
}

/** What waits for the next start. */
function Waiting({ staged, again }) {
  const cancel = async () => {
    await del("restore");
    toast(t("settings.restore.cancelled"));
    again();
  };
  return html`<div class="notice" role="status">
    <span>${t("settings.restore.waits")} <code>sudo systemctl restart gateway</code> ${!staged.file.writable && staged.file.path && t("settings.restore.readonly", { file: staged.file.path })}</span>
    <${Action} run=${cancel}>${t("settings.restore.cancel")}<//>
  </div>`;
}

function Restore() {
  const [staged, error, again] = useLoad((signal) => get("restore", { signal }), []);
  const [file, setFile] = useState(null);
  const [sent, setSent] = useState(null);
  const [wrong, setWrong] = useState("");
  if (error && !staged) return html`<${Failed} error=${error} again=${again} />`;
  if (!staged) return html`<${Loading} />`;
  const restore = async () => {
    setWrong("");
    const sure = await confirm({ title: t("settings.restore"), text: t("settings.restore.sure", { file: file.name }), action: t("settings.restore"), danger: true });
    if (!sure) return;
    try {
      setSent((await post("restore", file)).manifest);
      again();
    } catch (e) {
      setWrong(e.message);
    }
  };
  return html`<section class="card">
    <h2>${t("settings.restore")}</h2>
    <p>${t("settings.restore.how")}</p>
    ${staged.staged && html`<${Waiting} staged=${staged} again=${again} />`}
    ${sent && html`<p>${t("settings.restore.of", { host: sent.host, at: moment(sent.created), version: sent.version })}</p>`}
    ${sent?.left_out.length > 0 && html`<p>${t("settings.restore.leftout", { files: sent.left_out.join(", ") })}</p>`}
    <${Field} label=${t("settings.restore.file")} error=${wrong} hint=${file ? `${file.name}, ${size(file.size)}` : ""}>
      ${(a) => html`<input ...${a} type="file" accept=".gz,.tgz,application/gzip" onChange=${(e) => (setFile(e.target.files[0] ?? null), setWrong(""))} />`}
    <//>
    <p class="actions"><${Action} run=${restore} disabled=${!file}><${Icon} name="upload" /> ${t("settings.restore")}<//></p>
  </section>`;
}

export function Backup() {
  return html`<div class="stack"><${Take} /><${Restore} /></div>`;
}
