// Clearing what is retained: what would go, a file that undoes it, then all of it
// in one go. And taking such a file back.
import { useRef, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Action, Dialog, Failed, Icon, Loading, download, toast, useLoad } from "../../ui/ui.js";
import { get, post, query } from "../../api.js";
import { size } from "../../format.js";
import { t } from "../../i18n.js";
import { visible } from "../../lib/payload.js";
import { fileName } from "../../lib/names.js";

const nameOf = (filter) => fileName(["retained", filter], "jsonl");

/** What would go. */
function Preview({ preview }) {
  return html`<p><strong>${t("explorer.clear.count", { n: preview.count, size: size(preview.bytes) })}</strong> ${t("explorer.clear.means")}</p>
    <ul class="preview" tabindex="0" aria-label=${t("explorer.clear.list")}>
      ${preview.topics.map((one) => html`<li key=${one.topic}><bdi>${visible(one.topic)}</bdi> <bdi class="says">${one.text === null ? t("explorer.binary", { n: one.size }) : visible(one.text)}</bdi></li>`)}
      ${preview.count > preview.topics.length && html`<li class="soft">${t("explorer.clear.more", { n: preview.count - preview.topics.length })}</li>`}
    </ul>`;
}

/** What has gone, and the way back. */
function Gone({ deleted, undo, filter, onClose }) {
  const back = async () => {
    const r = await post("retained/import", undo);
    toast(t("explorer.restored", { n: r.published }));
    onClose();
  };
  return html`<p role="status"><strong>${t("explorer.clear.done", { n: deleted })}</strong></p>
    <p class="actions">
      <${Action} run=${back}><${Icon} name="refresh" /> ${t("explorer.clear.undo")}<//>
      <button type="button" onClick=${() => download(nameOf(filter), undo)}><${Icon} name="download" /> ${t("explorer.clear.file")}</button>
      <button type="button" class="primary" onClick=${onClose}>${t("shell.close")}</button>
    </p>`;
}

/** Asks before it clears what is retained for a filter. */
export function Clear({ filter, onClose }) {
  const [preview, error, again] = useLoad((signal) => get("retained" + query({ filter }), { signal }), [filter]);
  const [gone, setGone] = useState(null);
  const file = async () => (await get("retained/export" + query({ filter }), { raw: true })).blob();
  const clear = async () => {
    const undo = await file();
    try {
      const { deleted } = await post("retained/delete", { filter, count: preview.count });
      setGone({ deleted, undo });
    } catch (e) {
      if (e.status === 409) again();
      throw e;
    }
  };
  return html`<${Dialog} title=${t("explorer.clear.title", { filter: visible(filter) })} onClose=${onClose} wide>
    ${gone
      ? html`<${Gone} ...${gone} filter=${filter} onClose=${onClose} />`
      : html`
          ${error && html`<${Failed} error=${error} again=${again} />`}
          ${!preview && !error && html`<${Loading} />`}
          ${preview && preview.count === 0 && html`<p>${t("explorer.clear.nothing")}</p>`}
          ${preview && preview.count > 0 && html`<${Preview} preview=${preview} />`}
          <p class="actions">
            ${preview && preview.count > 0 && html`<${Action} run=${async () => download(nameOf(filter), await file())}><${Icon} name="download" /> ${t("explorer.clear.file")}<//>`}
            <button type="button" onClick=${onClose}>${t("shell.cancel")}</button>
            ${preview && preview.count > 0 && html`<${Action} class="danger" run=${clear}><${Icon} name="trash" /> ${t("explorer.clear.do", { n: preview.count })}<//>`}
          </p>`}
  <//>`;
}

/** A button that takes a file of retained messages back. */
export function Restore() {
  const input = useRef(null);
  const take = async (file) => {
    if (!file) return;
    try {
      const r = await post("retained/import", file);
      toast(t("explorer.restored", { n: r.published }));
    } catch (e) {
      toast(e, "bad");
    }
    input.current.value = "";
  };
  return html`<button type="button" onClick=${() => input.current.click()}><${Icon} name="upload" /> ${t("explorer.restore")}</button>
    <input ref=${input} type="file" accept=".jsonl" hidden onChange=${(e) => take(e.currentTarget.files[0])} />`;
}
