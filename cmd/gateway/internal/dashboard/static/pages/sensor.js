// One sensor: what it says now, what it said, what it is, and what is wrong
// with it. The address is #/sensor/site/room/name, and the view of its chart.
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Action, Copy, Failed, Field, Loading, toast, useLoad } from "../ui/ui.js";
import { Age, StateNow, hour } from "../ui/tile.js";
import { Chart } from "../ui/chart.js";
import { known, loadKnown } from "../ui/names.js";
import { lang, t } from "../i18n.js";
import { count, number, parts, quantity, short, title, trouble } from "../format.js";
import { get, post, query as queryOf } from "../api.js";
import { go, link } from "../router.js";
import { isAdmin } from "../session.js";
import { gateway, sensors } from "../store.js";
import { serverNow } from "../ui/clock.js";
import { split } from "../lib/names.js";
import { momentText } from "../lib/ticks.js";
import { formatView, maxSeries, parseView } from "../lib/view.js";

/** The series of a sensor, in the order of its values. */
function seriesOf(path, values) {
  const order = (s) => values.findIndex((v) => v.quantity === (split(s)[1] || path.split("/")[2]));
  const mine = [...(known.value?.keys() ?? [])].filter((s) => split(s)[0] === path);
  return mine.sort((a, b) => (order(a) + 1 || 99) - (order(b) + 1 || 99) || (a < b ? -1 : 1)).slice(0, maxSeries);
}

function Value({ value }) {
  const [text, unit] = parts(value);
  const h = value.binary ? null : hour(value);
  const show = (x) => number({ ...value, number: x });
  return html`<div class="sensor-value">
    <p class="big"><span class="what">${quantity(value)}</span> <span class="number">${text}</span>${unit && html`<span class="unit"> ${unit}</span>`}</p>
    ${h && html`<p class="hint">${t("sensor.hour", { low: show(h.low), mean: show(h.mean), high: show(h.high), unit: value.unit })}</p>`}
  </div>`;
}

function Now({ sensor }) {
  if (!sensor && !gateway.value) return html`<${Loading} />`;
  if (!sensor) return html`<p class="hint">${t("sensor.silent")}</p>`;
  return html`<div class="sensor-now">${sensor.values.map((v) => html`<${Value} key=${v.quantity} value=${v} />`)}
    ${sensor.text && html`<p class="text">${sensor.text}</p>`}
    ${sensor.values.length === 0 && !sensor.text && html`<p class="hint">${t("shell.tile.none")}</p>`}
  </div>`;
}

/** What is wrong, in words, and since when. */
function Trouble({ kind, reason, detail }) {
  if (!reason) return null;
  const since = detail?.since_ms && momentText(detail.since_ms, lang.value);
  const good = detail?.last_good_ms ? t("sensor.lastgood", { at: momentText(detail.last_good_ms, lang.value) }) : t("sensor.nevergood");
  return html`<section class="problems" role="alert"><h2>${t("sensor.trouble")}</h2><p>${trouble(kind, reason)}</p><p class="hint">${since && t("sensor.since", { at: since })} ${detail && good}</p></section>`;
}

function Errors({ errors }) {
  const all = Object.entries(errors ?? {}).filter(([, n]) => n > 0);
  if (all.length === 0) return html`<span>${t("sensor.errors.none")}</span>`;
  return html`<ul class="plain-list">${all.map(([kind, n]) => html`<li key=${kind}>${t(kind in words ? words[kind] : "sensor.error.other")}: ${count(n)}</li>`)}</ul>`;
}

// Kinds of failed attempts, as the gateway counts them.
const words = {
  nack: "sensor.error.nack", timeout: "sensor.error.timeout", absent: "sensor.error.absent", permission: "sensor.error.permission",
  busy: "sensor.error.busy", implausible: "sensor.error.implausible", panic: "sensor.error.panic",
};

function Facts({ path, page, sensor }) {
  const { meta, detail } = page;
  const row = (name, what) => what && html`<div><dt>${name}</dt><dd>${what}</dd></div>`;
  return html`<section class="card"><h2>${t("sensor.facts")}</h2>
    <dl class="facts">
      ${row(t("sensor.topic"), html`<code>${path}</code> <${Copy} text=${path} label=${t("sensor.topic.copy")} /> <a href=${link("explorer", [], { topic: path })}>${t("sensor.explore")}</a>`)}
      ${row(t("sensor.driver"), (page.driver || meta) && html`${page.title || meta?.title} <code>${page.driver || meta?.driver}</code>`)}
      ${row(t("sensor.where"), page.where && html`<code>${page.where}</code>`)}
      ${row(t("sensor.interval"), meta?.interval > 0 && short(meta.interval))}
      ${row(t("sensor.stale"), sensor?.stale_after_ms > 0 && short(sensor.stale_after_ms / 1000))}
      ${row(t("sensor.status"), detail?.since_ms && t("sensor.status.since", { status: t(`shell.state.${detail.status === "online" ? "live" : detail.status}`), span: short(Math.max(0, serverNow() - detail.since_ms) / 1000) }))}
      ${row(t("sensor.errors"), detail && html`<${Errors} errors=${detail.errors} />`)}
    </dl>
    ${meta?.values && Object.values(meta.values).some((v) => v.min !== undefined) && html`<h3>${t("sensor.ranges")}</h3>
      <ul class="plain-list">${Object.entries(meta.values).filter(([, v]) => v.min !== undefined && v.max !== undefined).map(([q, v]) => html`<li key=${q}>${quantity({ quantity: q, title: v.title })}: ${v.min} … ${v.max} ${v.unit}</li>`)}</ul>`}
    <h3>${t("sensor.payload")}</h3>
    ${page.payload ? html`<pre tabindex="0" aria-label=${t("sensor.payload")}>${page.payload}</pre>` : html`<p class="hint">${t("shell.tile.never")}</p>`}
    ${page.payload_bytes > 1000 && html`<p class="hint">${t("sensor.payload.cut", { n: page.payload_bytes })}</p>`}
  </section>`;
}

function Setting({ path, name, bounds: [low, high] }) {
  const [value, setValue] = useState("");
  const set = async () => {
    await post("publish", { topic: `${path}/set/${name}`, text: value.trim(), qos: 1, retain: false });
    toast(t("sensor.set.done", { name, value: value.trim() }));
  };
  const wrong = value !== "" && !(Number(value) >= low && Number(value) <= high);
  return html`<form class="sensor-setting" onSubmit=${(e) => e.preventDefault()}>
    <${Field} label=${name} hint=${t("sensor.set.bounds", { low, high })} error=${wrong ? t("sensor.set.wrong", { low, high }) : ""}>
      ${(a) => html`<input type="text" inputmode="decimal" value=${value} onInput=${(e) => setValue(e.target.value)} ...${a} />`}
    <//>
    <${Action} run=${set} disabled=${value === "" || wrong}>${t("sensor.set.do")}<//>
  </form>`;
}

function Settings({ path, page: { meta, driver } }) {
  const all = Object.entries(meta?.settings ?? {});
  if (!isAdmin.value || (!driver && all.length === 0)) return null;
  const read = async () => {
    await post("publish", { topic: `${path}/set/read`, text: "1", qos: 1, retain: false });
    toast(t("sensor.read.done"));
  };
  return html`<section class="card"><h2>${t("sensor.settings")}</h2>
    ${driver && html`<p class="actions"><${Action} run=${read}>${t("sensor.read")}<//></p>`}
    ${all.map(([name, bounds]) => html`<${Setting} key=${name} path=${path} name=${name} bounds=${bounds} />`)}
  </section>`;
}

function History({ path, sensor, query }) {
  const text = query.toString();
  const series = seriesOf(path, sensor?.values ?? []);
  const view = useMemo(() => {
    const q = new URLSearchParams(text);
    q.delete("s");
    q.delete("series");
    for (const s of series) q.append("s", s);
    return parseView(q);
  }, [text, series.join("\n")]);
  const show = (next, options) => {
    const q = new URLSearchParams(formatView(next));
    q.delete("s"); // which they are goes without saying
    go(`${link("sensor", path.split("/"))}?${q}`, options);
  };
  if (known.value === null) return html`<${Loading} />`;
  if (series.length === 0) return html`<p class="empty">${t("sensor.unrecorded")}</p>`;
  return html`<${Chart} view=${view} onView=${show} name=${path} fixed />
    <p><a href=${`#/charts?${formatView(view)}`}>${t("sensor.compare")}</a></p>`;
}

export default function Sensor({ params, query }) {
  const path = params.join("/");
  const sensor = sensors.value.get(path);
  const [page, error, again] = useLoad((signal) => get("sensor" + queryOf({ path }), { signal }), [path, sensor?.state, sensor?.reason]);
  const [noHistory, setNoHistory] = useState(null);
  useEffect(() => void loadKnown().then(() => setNoHistory(null), setNoHistory), [path]);
  // Each message has another payload; one looks at it no more often than this.
  const looked = useRef(performance.now());
  useEffect(() => {
    const wait = setTimeout(() => {
      looked.current = performance.now();
      if (!document.hidden) again();
    }, Math.max(0, looked.current + 3000 - performance.now()));
    return () => clearTimeout(wait);
  }, [sensor]);
  const heading = html`<p class="hint"><a href=${link("home")}>${t("shell.page.home")}</a> / ${params[0]} / ${title(params[1] ?? "")}</p>
    <div class="sensor-head"><h1>${title(params[2] ?? path)}</h1> ${sensor && html`<${StateNow} sensor=${sensor} /> <${Age} sensor=${sensor} />`} ${sensor?.simulated && html`<span class="badge">${t("shell.tile.simulated")}</span>`}</div>`;
  if (!page && error && !sensor) return html`${heading}<${Failed} error=${error} again=${again} /><p><a href=${link("home")}>${t("shell.page.home")}</a></p>`;
  return html`<div class="sensor-page">
    ${heading}
    <${Trouble} kind=${sensor?.reason ? sensor.reason_kind : page?.detail?.kind} reason=${sensor?.reason || page?.detail?.reason} detail=${page?.detail} />
    <${Now} sensor=${sensor} />
    ${noHistory ? html`<${Failed} error=${noHistory} again=${() => loadKnown().then(() => setNoHistory(null), setNoHistory)} />` : html`<${History} path=${path} sensor=${sensor} query=${query} />`}
    ${page && html`<div class="sensor-cards"><${Facts} path=${path} page=${page} sensor=${sensor} /><${Settings} path=${path} page=${page} /></div>`}
  </div>`;
}
