// Settings: what of the gateway is changed here. Each tab has an address of its
// own: #/settings/backup.
import { html } from "../ui/html.js";
import { Icon, Tabs } from "../ui/ui.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { Account, Tokens } from "../ui/account.js";
import { LookOnly } from "../ui/look-only.js";
import { go, link } from "../router.js";
import { isAdmin } from "../session.js";
import { load, t } from "../i18n.js";
import { About } from "./settings/about.js";
import { Backup } from "./settings/backup.js";
import { Look } from "./settings/look.js";
import { Values } from "./settings/values.js";

/** The words of the account are in a catalogue of their own. */
function Access() {
  const [ready, setReady] = useState(false);
  useEffect(() => void load("account").then(() => setReady(true)), []);
  return ready && html`<${Account} /><${Tokens} />`;
}

/** What there is, and what of it is for who may change something. */
const tabs = [
  { id: "look", view: () => html`<${Look} />` },
  { id: "access", admin: true, view: () => html`<${Access} />` },
  { id: "retention", admin: true, view: () => html`<${Values} groups=${["history", "disk"]} />` },
  { id: "gateway", admin: true, view: () => html`<${Values} groups=${["names", "log"]} />` },
  { id: "backup", admin: true, view: () => html`<${Backup} />` },
  { id: "about", view: () => html`<${About} />` },
];

export default function Settings({ params }) {
  const all = tabs.filter((x) => !x.admin || isAdmin.value).map((x) => ({ ...x, title: t(`settings.tab.${x.id}`) }));
  const current = all.some((x) => x.id === params[0]) ? params[0] : all[0].id;
  return html`<div class="page-head">
      <h1>${t("shell.page.settings")}</h1>
      <a class="button" href=${link("connect")}><${Icon} name="link" /> ${t("settings.connect")}</a>
    </div>
    <${LookOnly} />
    <${Tabs} all=${all} current=${current} label=${t("shell.page.settings")} onSelect=${(id) => go(link("settings", [id]), { replace: true })} />`;
}
