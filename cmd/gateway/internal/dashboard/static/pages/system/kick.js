// Ending the connection of a client, and its session.
import { confirm, toast } from "../../ui/ui.js";
import { t } from "../../i18n.js";
import { del, query } from "../../api.js";

/** Asks, and disconnects a client; changed is called when it is done. */
export async function disconnect(client, changed) {
  if (!(await confirm({ title: t("system.kick.title", { id: client.id }), text: t("system.kick.text"), action: t("system.kick"), danger: true }))) return;
  await del("clients" + query({ id: client.id }));
  toast(t("system.kicked", { id: client.id }));
  changed();
}

/** Asks, and ends the session of a client as well. */
export async function forget(client, changed) {
  const text = t(client.connected ? "system.forget.text" : "system.forget.away", { waiting: client.waiting, n: client.subscriptions });
  if (!(await confirm({ title: t("system.forget.title", { id: client.id }), text, action: t("system.forget"), danger: true }))) return;
  await del("clients" + query({ id: client.id, forget: "true" }));
  toast(t("system.forgotten", { id: client.id }));
  changed();
}
