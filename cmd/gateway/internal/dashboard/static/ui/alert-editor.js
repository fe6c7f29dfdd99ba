// Where a rule is made or changed, with the values that it is about beside it.
import { useEffect, useId, useMemo, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Action, Dialog, Field, toast } from "./ui.js";
import { amount } from "./alerts.js";
import { Says } from "./alert-says.js";
import { t } from "../i18n.js";
import { moment, parts, quantity, short } from "../format.js";
import { get, post, put, query } from "../api.js";
import { sensors } from "../store.js";
import { beyond, empty, known, msOf, numberOf, parseValue, picture, spanOf, valuesOf } from "../lib/alert-rules.js";

const day = 24 * 3600_000;
const shown = 5; // values of a rule with wildcards

/** What is typed of a rule, as text, so that half a number stays as it is. */
function draftOf(rule) {
  const text = (x) => (x === null ? "" : String(x));
  return { ...rule, above: text(rule.above), below: text(rule.below), hysteresis: rule.hysteresis ? String(rule.hysteresis) : "", for: spanOf(rule.for_ms), clear: spanOf(rule.clear_for_ms), missing: spanOf(rule.missing_ms) };
}

/** The rule that a draft is. */
function ruleOf({ for: lasting, clear, missing, ...d }) {
  return {
    ...d, name: d.name.trim(), value: d.value.trim(), above: numberOf(d.above), below: numberOf(d.below), hysteresis: numberOf(d.hysteresis) ?? 0,
    for_ms: msOf(...lasting), clear_for_ms: msOf(...clear), missing_ms: msOf(...missing),
  };
}

/** What is wrong with a draft, by field; the server says the rest. */
function wrongOf(d, names, isNew, before) {
  const wrong = {};
  for (const key of ["above", "below", "hysteresis"]) if (d[key].trim() !== "" && numberOf(d[key]) === null) wrong[key] = t("alerts.wrong.number");
  if (d.name.trim() === "") wrong.name = t("alerts.wrong.name");
  else if (/[/+#]/.test(d.name)) wrong.name = t("alerts.wrong.level");
  else if (names.includes(d.name.trim()) && (isNew || d.name.trim() !== before)) wrong.name = t("alerts.wrong.taken");
  if (d.value.trim() === "") wrong.value = t("alerts.wrong.value");
  return wrong;
}

function Duration({ label, hint, value: [n, unit], onChange }) {
  return html`<${Field} label=${label} hint=${hint}>${(a) => html`<span class="duration">
    <input ...${a} inputmode="decimal" value=${n} onInput=${(e) => onChange([e.currentTarget.value, unit])} />
    <select aria-label=${`${label}: ${t("alerts.unit")}`} value=${unit} onChange=${(e) => onChange([n, e.currentTarget.value])}>
      ${["s", "min", "h"].map((u) => html`<option key=${u} value=${u}>${t(`alerts.unit.${u}`)}</option>`)}
    </select>
  </span>`}<//>`;
}

/** The last day of a value, with the limits; the last hour as long as there is no more. */
function Picture({ value, above, below }) {
  const [points, setPoints] = useState(null);
  useEffect(() => {
    const control = new AbortController();
    const to = Date.now();
    setPoints(null);
    get("history" + query({ series: value.series, from: to - day, to, points: 300 }), { signal: control.signal }).then(
      (h) => {
        const s = h.series[0];
        setPoints(s && s.t.length > 1 ? s.t.map((at, i) => [at, s.min[i], s.max[i]]) : []);
      },
      () => setPoints([]), // there is no history: what this page has seen is enough
    );
    return () => control.abort();
  }, [value.series]);
  const day_ = points?.length > 1;
  const list = day_ ? points : value.points.map(([at, low, high]) => [at, low, high]);
  const p = picture(list, { above, below });
  if (!p) return null;
  const share = beyond(list, { above, below });
  const unit = value.unit;
  const text = t(day_ ? "alerts.picture.day" : "alerts.picture.hour", { low: amount(p.low, unit), high: amount(p.high, unit) });
  return html`<figure class="limits">
    <svg viewBox="0 0 300 80" preserveAspectRatio="none" role="img" aria-label=${text}>
      <polygon points=${p.band} /><polyline points=${p.line} />
      ${[p.above, p.below].filter((y) => y !== null).map((y) => html`<line key=${y} x1="0" x2="300" y1=${y} y2=${y} />`)}
    </svg>
    <figcaption class="hint">${text}${(above !== null || below !== null) && ` ${share === 0 ? t("alerts.picture.never") : t("alerts.picture.share", { percent: Math.max(1, Math.round(share * 100)) })}`}</figcaption>
  </figure>`;
}

function Preview({ draft, all }) {
  const text = draft.value.trim();
  const { many } = parseValue(text);
  const found = text === "" ? [] : valuesOf(text, all);
  if (text === "") return null;
  if (found.length === 0) return html`<p class="hint">${t(many ? "alerts.preview.nomatch" : "alerts.preview.unknown")}</p>`;
  const limits = { above: numberOf(draft.above), below: numberOf(draft.below) };
  return html`<div class="preview">
    ${many && html`<p class="hint">${t("alerts.values", { n: found.length })}</p>`}
    <ul>${found.slice(0, shown).map((v) => html`<li key=${v.series}><span>${many ? v.series : quantity(v)}</span> <strong>${v.number === null ? "–" : parts(v).filter(Boolean).join(" ")}</strong></li>`)}</ul>
    ${found.length > shown && html`<p class="hint">${t("bell.more", { n: found.length - shown })}</p>`}
    ${!found[0].binary && html`<${Picture} value=${found[0]} ...${limits} />`}
  </div>`;
}

/** What the rule would have done in the last days. */
function Trial({ draft }) {
  const [trial, setTrial] = useState(null); // {of, text, fired}
  const rule = ruleOf(draft);
  const of = JSON.stringify({ ...rule, name: "" });
  const run = async () => {
    const r = await post("alerts/test", { ...rule, name: rule.name || "?" });
    const first = !r.recording || r.series === 0 ? t("alerts.trial.nothing") : r.times === 0 ? t("alerts.trial.never") : t("alerts.trial.times", { times: t("alerts.trial.n", { n: r.times }), span: short(r.firing_ms / 1000) });
    setTrial({ of, text: r.more > 0 ? `${first} ${t("alerts.trial.more", { n: r.series })}` : first, fired: r.fired });
  };
  const now = trial?.of === of; // it is of another rule when something was changed
  return html`<div class="trial">
    <p class="actions"><${Action} run=${run}>${t("alerts.trial")}<//> <span role="status">${now ? trial.text : ""}</span></p>
    ${now && trial.fired.length > 0 && html`<ul class="hint">${trial.fired.slice(0, shown).map((x) => html`<li key=${x.series + x.from_ms}>${moment(x.from_ms)} – ${moment(x.to_ms)}, ${x.series}</li>`)}</ul>`}
  </div>`;
}

/**
 * The dialog. rule is what to begin with, null for a new one; names are those that
 * are taken.
 */
export function Editor({ rule, isNew, names, onClose, onSaved }) {
  const before = rule?.name ?? "";
  const [draft, setDraft] = useState(() => draftOf(isNew ? { ...(rule ?? empty()), name: free(before, names) } : rule));
  const [series, setSeries] = useState([]);
  const [tried, setTried] = useState(false);
  const [failed, setFailed] = useState(null);
  const listId = useId();
  useEffect(() => {
    get("series").then((all) => setSeries(Array.isArray(all) ? all : all.series ?? []), () => {});
  }, []);
  const all = useMemo(() => known(sensors.value.values(), series), [series]);
  const set = (key) => (e) => setDraft((d) => ({ ...d, [key]: e?.currentTarget ? e.currentTarget.value : e }));
  const wrong = tried ? wrongOf(draft, names, isNew, before) : {};
  const unit = valuesOf(draft.value.trim(), all)[0]?.unit ?? "";
  const ofUnit = unit && ` (${unit})`;
  const save = async () => {
    setTried(true);
    setFailed(null);
    const w = wrongOf(draft, names, isNew, before);
    if (Object.keys(w).length > 0) return document.querySelector(`dialog [name="${Object.keys(w)[0]}"]`)?.focus();
    const body = ruleOf(draft);
    try {
      await (isNew ? post("alerts/rules", body) : put(`alerts/rules/${encodeURIComponent(before)}`, body));
    } catch (e) {
      return setFailed(e.message);
    }
    toast(t("alerts.saved", { name: body.name }));
    onSaved();
  };
  return html`<${Dialog} wide title=${t(isNew ? "alerts.add" : "alerts.edit")} onClose=${onClose}>
    <form class="alert-editor" onSubmit=${(e) => e.preventDefault()}>
      <${Field} label=${t("alerts.field.value")} hint=${t("alerts.hint.value")} error=${wrong.value}>${(a) => html`<input ...${a} name="value" class="mono" list=${listId} autocomplete="off" spellcheck="false" value=${draft.value} onInput=${set("value")} />`}<//>
      <datalist id=${listId}>${all.slice(0, 500).map((v) => html`<option key=${v.series} value=${v.series}>${`${quantity(v)}${v.number === null ? "" : `: ${parts(v).filter(Boolean).join(" ")}`}`}</option>`)}</datalist>
      <${Preview} draft=${draft} all=${all} />
      <div class="columns">
        <${Field} label=${t("alerts.field.above") + ofUnit} error=${wrong.above}>${(a) => html`<input ...${a} name="above" inputmode="text" value=${draft.above} onInput=${set("above")} />`}<//>
        <${Field} label=${t("alerts.field.below") + ofUnit} error=${wrong.below}>${(a) => html`<input ...${a} name="below" inputmode="text" value=${draft.below} onInput=${set("below")} />`}<//>
        <${Field} label=${t("alerts.field.hysteresis") + ofUnit} hint=${t("alerts.hint.hysteresis")} error=${wrong.hysteresis}>${(a) => html`<input ...${a} name="hysteresis" inputmode="decimal" value=${draft.hysteresis} onInput=${set("hysteresis")} />`}<//>
        <${Duration} label=${t("alerts.field.for")} hint=${t("alerts.hint.for")} value=${draft.for} onChange=${set("for")} />
        <${Duration} label=${t("alerts.field.missing")} hint=${t("alerts.hint.missing")} value=${draft.missing} onChange=${set("missing")} />
        <${Field} label=${t("alerts.field.severity")}>${(a) => html`<select ...${a} value=${draft.severity} onChange=${set("severity")}>${["info", "warning", "critical"].map((s) => html`<option key=${s} value=${s}>${t(`bell.severity.${s}`)}</option>`)}</select>`}<//>
      </div>
      <label class="check"><input type="checkbox" checked=${draft.status} onChange=${(e) => set("status")(e.currentTarget.checked)} /> ${t("alerts.field.status")}</label>
      <details>
        <summary>${t("alerts.more")}</summary>
        <${Duration} label=${t("alerts.field.clear")} hint=${t("alerts.hint.clear")} value=${draft.clear} onChange=${set("clear")} />
        <${Field} label=${t("alerts.field.message")} hint=${t("alerts.hint.message", { names: "{name} {value} {unit} {topic} {limit} {site} {room} {sensor} {reason}" })}>${(a) => html`<input ...${a} name="message" maxlength="200" value=${draft.message} onInput=${set("message")} />`}<//>
      </details>
      <${Field} label=${t("alerts.field.name")} hint=${t("alerts.hint.name")} error=${wrong.name}>${(a) => html`<input ...${a} name="name" maxlength="64" value=${draft.name} onInput=${set("name")} />`}<//>
      <p class="summary card" role="status"><${Says} rule=${ruleOf(draft)} unit=${unit} /></p>
      <${Trial} draft=${draft} />
      ${failed && html`<p class="error" role="alert">${failed}</p>`}
      <p class="actions">
        <${Action} type="submit" class="primary" run=${save}>${t("shell.save")}<//>
        <button type="button" onClick=${onClose}>${t("shell.cancel")}</button>
      </p>
    </form>
  <//>`;
}

/** A name that no rule has. */
function free(name, names) {
  if (name === "" || !names.includes(name)) return name;
  for (let i = 2; ; i++) if (!names.includes(`${name} ${i}`)) return `${name} ${i}`;
}
