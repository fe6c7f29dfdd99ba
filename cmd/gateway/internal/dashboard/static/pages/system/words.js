// How clients and the ends of connections are said.
import { age, short } from "../../format.js";
import { t } from "../../i18n.js";

/** The reason that the gateway gives when somebody has used this page. */
const byPage = "on the page of the gateway";

/** Why a connection ended, in words that a person can act on. */
export function reason(e) {
  const args = { detail: e.detail, span: short(e.keep_alive_s), by: e.by };
  if (e.cause === "taken_over" && host(e.by) === host(e.address)) return t("system.cause.same_again", args);
  if (e.cause === "kicked" && e.detail === byPage) return t("system.cause.kicked.page");
  const words = t(`system.cause.${e.cause}`, args);
  if (words === `system.cause.${e.cause}`) return e.reason; // of a newer gateway
  return e.detail && (e.cause === "lost" || e.cause === "kicked") ? `${words}: ${e.detail}` : words;
}

/** The host of "host:port", of IPv6 as well. */
export const host = (address) => address.replace(/:\d+$/, "");

/** "MQTT 5.0, TLS": how a client speaks; "" for one that is away. */
export function speaks(c) {
  if (!c.version) return "";
  const over = { tls: "TLS", ws: "WebSocket", wss: "WebSocket, TLS", unix: "Unix" }[c.transport];
  return `MQTT ${c.version}${over ? `, ${over}` : ""}`;
}

/** How long a session outlives its connection. */
export function kept(c) {
  if (c.expiry_s === 0) return t("system.session.clean");
  return c.expiry_s < 0 ? t("system.session.ever") : t("system.session.kept", { span: short(c.expiry_s) });
}

/** For how long something is so, as time passes: ms of the answer, and what passed since. */
export function since(ms, received, at) {
  return ms < 0 ? t("system.unknown") : short((ms + Math.max(0, at - received)) / 1000);
}

/** How long ago, as time passes. */
export function ago(ms, received, at) {
  return age(ms < 0 ? null : ms + Math.max(0, at - received));
}
