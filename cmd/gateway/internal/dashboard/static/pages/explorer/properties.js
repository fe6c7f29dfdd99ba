// What goes with a message besides its payload.
import { html } from "../../ui/html.js";
import { moment, span } from "../../format.js";
import { t } from "../../i18n.js";
import { bytesOf, hex, visible } from "../../lib/payload.js";

/** Correlation data: text if it is one. */
function data(base64) {
  const bytes = bytesOf(base64);
  try {
    return visible(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return hex(bytes, 256);
  }
}

export function Properties({ message, onSelect }) {
  const p = message.properties ?? {};
  const rows = [
    ["came", moment(message.at, { seconds: true })],
    ["size", t("explorer.bytes", { n: message.size })],
    ["qos", message.qos],
    ["retain", t(message.retain ? "explorer.yes" : "explorer.no")],
    ["publisher", message.publisher ? visible(message.publisher) : t("explorer.publisher.none")],
    p.content_type && ["content_type", visible(p.content_type)],
    p.payload_format !== undefined && ["payload_format", t(`explorer.format.${p.payload_format}`)],
    p.message_expiry !== undefined && ["message_expiry", span(Math.max(0, p.message_expiry))],
    p.response_topic && ["response_topic", html`<button type="button" class="quiet" onClick=${() => onSelect(p.response_topic)}>${visible(p.response_topic)}</button>`],
    p.correlation_data && ["correlation_data", html`<pre>${data(p.correlation_data)}</pre>`],
  ].filter(Boolean);
  return html`<table class="properties">
      <tbody>${rows.map(([key, value]) => html`<tr key=${key}><th scope="row">${t(`explorer.property.${key}`)}</th><td>${value}</td></tr>`)}</tbody>
    </table>
    ${p.user?.length > 0
      ? html`<h3>${t("explorer.property.user")}</h3>
          <table class="properties"><tbody>${p.user.map(([name, value], i) => html`<tr key=${i}><th scope="row"><bdi>${visible(name)}</bdi></th><td><bdi>${visible(value)}</bdi></td></tr>`)}</tbody></table>`
      : html`<p class="hint">${t("explorer.property.user.none")}</p>`}`;
}
