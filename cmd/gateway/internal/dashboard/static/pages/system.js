// System: who is connected, what waits for upstream, how the machine is, the log.
import { html } from "../ui/html.js";
import { Action, Icon, Tabs } from "../ui/ui.js";
import { t } from "../i18n.js";
import { go, link } from "../router.js";
import { isAdmin } from "../session.js";
import { Broker } from "./system/broker.js";
import { BridgeTab } from "./system/bridge.js";
import { Health } from "./system/health.js";
import { Logs } from "./system/logs.js";
import { save } from "./system/save.js";

const tabs = { broker: Broker, bridge: BridgeTab, health: Health, logs: Logs };

function Support() {
  if (!isAdmin.value) return null;
  return html`<div class="support">
    <${Action} run=${() => save("support", "gateway-support.zip")} title=${t("system.support.why")}><${Icon} name="download" /> ${t("system.support")}<//>
  </div>`;
}

/** The page. The tab is in the address. */
export default function System({ query }) {
  const current = query.get("tab") in tabs ? query.get("tab") : "broker";
  const all = Object.entries(tabs).map(([id, View]) => ({ id, title: t(`system.tab.${id}`), view: () => html`<${View} query=${query} />` }));
  return html`<div class="system">
    <div class="system-head"><h1>${t("shell.page.system")}</h1><${Support} /></div>
    <${Tabs} all=${all} current=${current} label=${t("shell.page.system")} onSelect=${(id) => go(link("system", [], id === "broker" ? {} : { tab: id }), { replace: true })} />
  </div>`;
}
