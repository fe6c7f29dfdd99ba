// Why somebody can only look, and the way to change that.
import { html } from "./html.js";
import { isAdmin, kiosk, session } from "../session.js";
import { t } from "../i18n.js";

/** Until there is a password nobody can change anything. */
export function FirstSteps() {
  if (!session.value?.setup || isAdmin.value) return null;
  return html`<p class="notice"><span>${t("shell.first")}</span> ${!kiosk && html`<a class="button" href="#/setup">${t("shell.first.do")}</a>`}</p>`;
}

/** For pages where something is changed; nothing for who may. */
export function LookOnly() {
  if (session.value === null || isAdmin.value) return null;
  if (session.value.setup) return html`<${FirstSteps} />`;
  return html`<p class="notice"><span>${t("shell.viewer")}</span> ${!kiosk && html`<a class="button" href="#/login">${t("shell.login")}</a>`}</p>`;
}
