// The simulated house: what says that it is there, and what brings and removes it.
import { useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { confirm, toast } from "./ui.js";
import { t } from "../i18n.js";
import { post } from "../api.js";
import { isAdmin, kiosk } from "../session.js";
import { gateway } from "../store.js";

async function change(what, done) {
  try {
    const { demo } = await post(`demo/${what}`);
    if (gateway.value) gateway.value = { ...gateway.value, demo };
    toast(t(done));
  } catch (e) {
    toast(e, "bad");
  }
}

async function remove() {
  const q = { title: t("shell.demo.remove"), text: t("shell.demo.remove.why"), action: t("shell.demo.remove"), danger: true };
  if (await confirm(q)) await change("remove", "shell.demo.removed");
}

/** The badge that everybody sees; who may remove the house does so by it. */
export function DemoBadge() {
  if (!gateway.value?.demo) return null;
  if (!isAdmin.value || kiosk) return html`<span class="badge" title=${t("shell.demo.why")}>${t("shell.demo")}</span>`;
  return html`<button type="button" class="badge" title=${`${t("shell.demo.why")} ${t("shell.demo.remove")}`} aria-label=${`${t("shell.demo")}: ${t("shell.demo.remove")}`} onClick=${remove}>
    ${t("shell.demo")} <span aria-hidden="true">✕</span>
  </button>`;
}

/** Brings the house. */
export function TryDemo() {
  const [busy, setBusy] = useState(false);
  if (!isAdmin.value || gateway.value?.demo) return null;
  const start = async () => {
    setBusy(true);
    await change("start", "shell.demo.started");
    setBusy(false);
  };
  return html`<button type="button" disabled=${busy} onClick=${start}>${t("shell.demo.try")}</button>`;
}
