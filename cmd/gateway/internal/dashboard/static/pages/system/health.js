// How the machine is, in plain words, and what to do about it.
import { html } from "../../ui/html.js";
import { Failed, Loading } from "../../ui/ui.js";
import { lang, said, t } from "../../i18n.js";
import { count, decimal, short, size, span } from "../../format.js";
import { get } from "../../api.js";
import { now } from "../../store.js";
import { usePoll } from "./poll.js";

const signs = { ok: "✓", warn: "⚠", bad: "✕", unknown: "–" };
const classes = { ok: "live", warn: "late", bad: "fault", unknown: "" };

/** The value of a tile as text, "" if there is none. */
function value(id, h) {
  const percent = (x) => t("system.percent", { n: Math.round(x) });
  switch (id) {
    case "temperature":
      return h.cpu_temperature === null ? "" : `${decimal(h.cpu_temperature, 1)} °C`;
    case "power":
      return h.under_voltage === null ? "" : t(h.under_voltage ? "system.power.low" : "system.power.good");
    case "throttled":
      return h.throttled === null ? "" : t(h.throttled ? "system.throttled.yes" : "system.throttled.no");
    case "memory":
      return h.memory_available === null || h.memory_total === null ? "" : t("system.free", { free: size(h.memory_available), total: size(h.memory_total) });
    case "load":
      return h.load.length === 0 ? "" : [h.cpu_usage === null ? "" : percent(h.cpu_usage), t("system.load", { load: h.load.map((x) => decimal(x, 2)).join(" "), n: h.cpus })].filter(Boolean).join(", ");
    case "disk":
      return h.disk === null ? "" : t("system.free", { free: size(h.disk.free), total: size(h.disk.total) });
    case "store":
      return h.store.enabled ? t("system.store.size", { size: size(h.store.bytes), n: h.store.waiting }) : t("system.store.off");
    case "writes":
      return h.gateway.written_per_day === null ? (h.gateway.written === null ? "" : t("system.written", { size: size(Math.round(h.gateway.written)) })) : t("system.perday", { size: size(Math.round(h.gateway.written_per_day)) });
  }
  return "";
}

/** The time of day of the gateway as time passes, in its own zone. */
function Clock({ h }) {
  const at = h.clock.time_ms + Math.max(0, now.value - h.received);
  const text = new Date(at + h.clock.offset_s * 1000).toLocaleString(lang.value, { timeZone: "UTC", dateStyle: "medium", timeStyle: "medium" });
  return html`${text}, ${h.clock.zone}`;
}

function Tile({ check, h }) {
  const { id, level } = check;
  const words = `system.check.${id}.${level}`;
  const text = t(words, { folder: h.disk?.folder ?? "", error: h.store.failure, n: h.store.damaged });
  return html`<li class=${`card health ${level}`} data-check=${id} data-level=${level}>
    <div class="head"><h3>${t(`system.health.${id}`)}</h3> <span class=${`state ${classes[level]}`}><span aria-hidden="true">${signs[level]}</span> ${t(`system.level.${level}`)}</span></div>
    <p class="value">${id === "clock" ? html`<${Clock} h=${h} />` : value(id, h)}</p>
    ${id === "disk" && h.disk?.folders.length > 0 && html`<p class="hint">${h.disk.folders.map((f) => t(`system.folder.${f.name}`, { size: size(f.bytes) })).join(", ")}</p>`}
    ${text !== words && html`<p>${text}</p>`}
  </li>`;
}

/** What of the machine and of the gateway is not judged. */
function facts(h) {
  const g = h.gateway;
  return [
    ["host", h.host], ["model", h.model || t(h.raspberry_pi ? "system.pi" : "system.nopi")], ["kernel", [h.os, h.kernel, h.arch].filter(Boolean).join(" ")], ["cpus", String(h.cpus)],
    ["machineup", h.uptime_ms > 0 ? span(h.uptime_ms / 1000) : ""], ["gatewayup", span(g.uptime_ms / 1000)], ["gateway", [g.version, g.commit.slice(0, 10)].filter(Boolean).join(", ")], ["go", g.go],
    ["resident", g.resident > 0 ? size(g.resident) : ""], ["heap", t("system.heap", { heap: size(g.heap), total: size(g.go_total) })], ["goroutines", count(g.goroutines)], ["files", g.open_files > 0 ? count(g.open_files) : ""],
    ["series", h.history ? count(h.history.series) : t("system.nohistory")], ["storefolder", h.store.enabled && h.disk ? h.disk.folder : ""],
  ].filter(([, text]) => text !== "");
}

/** The tab. */
export function Health() {
  const [h, error, again] = usePoll((signal) => get("system", { signal }), [], 5000);
  if (!h) return error ? html`<${Failed} error=${error} again=${again} />` : html`<${Loading} />`;
  const clock = h.checks.find((c) => c.id === "clock");
  return html`${clock.level === "bad" && html`<p class="notice clock-notice" role="alert">⚠ ${t("system.clock.banner")}</p>`}
    ${h.alarms.length > 0 && html`<section class="problems alarms" aria-label=${t("system.alarms")}><h2>${t("system.alarms")}</h2>${(h.alarms_said ?? h.alarms.map((error) => ({ error }))).map((a) => html`<p key=${a.error}>${said(a)}</p>`)}</section>`}
    ${!h.raspberry_pi && html`<p class="hint">${t("system.nopi.why")}</p>`}
    <ul class="healths">${h.checks.map((c) => html`<${Tile} key=${c.id} check=${c} h=${h} />`)}</ul>
    <section aria-labelledby="system-machine"><h2 id="system-machine">${t("system.machine")}</h2>
      <dl class="facts card">${facts(h).map(([key, text]) => html`<div key=${key}><dt>${t(`system.fact.${key}`)}</dt><dd>${text}</dd></div>`)}</dl>
    </section>`;
}
