// The form to publish, and what was published from this tab.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { signal } from "../../vendor/signals.js";
import { html } from "../../ui/html.js";
import { Action, Field, Icon, toast } from "../../ui/ui.js";
import { get, post, query } from "../../api.js";
import { moment } from "../../format.js";
import { t } from "../../i18n.js";
import { emptyForm, fieldOf, formOf, request, wrong } from "../../lib/message.js";
import { pretty, visible } from "../../lib/payload.js";

const kept = 20;
const published = signal([]); // [{at, form}], the newest first; until the page is closed

const details = ["contentType", "utf8", "responseTopic", "correlation", "expiry", "user"];

function Properties({ form, set, errors }) {
  const input = (name, type = "text", more = {}) => html`<${Field} label=${t(`explorer.publish.${name}`)} hint=${t(`explorer.publish.${name}.hint`)} error=${errors[name]}>
    ${(a) => html`<input ...${a} ...${more} type=${type} autocomplete="off" autocapitalize="none" value=${form[name]} onInput=${(e) => set({ [name]: e.currentTarget.value })} />`}
  <//>`;
  const change = (i, pair) => set({ user: form.user.map((p, n) => (n === i ? pair : p)) });
  return html`
    ${input("contentType")}
    <p class="field"><label class="check"><input type="checkbox" checked=${form.utf8} onChange=${(e) => set({ utf8: e.currentTarget.checked })} /> ${t("explorer.publish.utf8")}</label>${errors.utf8 && html`<span class="error">${errors.utf8}</span>`}</p>
    ${input("expiry", "text", { inputmode: "numeric" })}
    ${input("responseTopic")}
    ${input("correlation")}
    <fieldset class="user">
      <legend>${t("explorer.property.user")}</legend>
      ${errors.user && html`<p class="error">${errors.user}</p>`}
      ${form.user.map(([name, value], i) => html`<p key=${i} class="pair">
        <input aria-label=${t("explorer.publish.user.name", { n: i + 1 })} placeholder=${t("explorer.publish.name")} value=${name} onInput=${(e) => change(i, [e.currentTarget.value, value])} />
        <input aria-label=${t("explorer.publish.user.value", { n: i + 1 })} placeholder=${t("explorer.publish.value")} value=${value} onInput=${(e) => change(i, [name, e.currentTarget.value])} />
        <button type="button" class="quiet" aria-label=${t("explorer.publish.user.remove", { n: i + 1 })} onClick=${() => set({ user: form.user.filter((_, n) => n !== i) })}>✕</button>
      </p>`)}
      <button type="button" onClick=${() => set({ user: [...form.user, ["", ""]] })}><${Icon} name="plus" /> ${t("explorer.publish.user.add")}</button>
    </fieldset>`;
}

function Published({ onTake }) {
  if (published.value.length === 0) return null;
  return html`<details class="published">
    <summary>${t("explorer.published", { n: published.value.length })}</summary>
    <ol class="history">
      ${published.value.map(({ at, form }) => html`<li key=${at}><button type="button" class="quiet" onClick=${() => onTake(form)}>
        <time>${moment(at, { seconds: true })}</time> <bdi>${visible(form.topic)}</bdi>
        <span class="soft">QoS ${form.qos}${form.retain ? ` · ${t("explorer.retained")}` : ""}</span>
        <bdi class="says">${visible(form.payload.slice(0, 120))}</bdi>
      </button></li>`)}
    </ol>
  </details>`;
}

/** path is what somebody looks at, "" for nothing; isTopic whether it has a message. */
export function Publish({ path, isTopic }) {
  const [form, setForm] = useState(emptyForm);
  const [said, setSaid] = useState({}); // errors of the gateway, by field
  const [tried, setTried] = useState(false);
  const [more, setMore] = useState(false);
  const touched = useRef(false); // somebody has typed: what is selected does not change it any more

  const take = (next) => {
    setForm(next);
    setSaid({});
    setTried(false);
    if (details.some((k) => String(next[k]) !== String(emptyForm[k]))) setMore(true);
  };
  const set = (change) => {
    touched.current = true;
    setSaid({});
    setForm((was) => ({ ...was, ...change }));
  };
  const fill = async (signal) => {
    const known = await get("topic" + query({ topic: path }), { signal });
    take(formOf(path, known.last));
    touched.current = false;
  };
  useEffect(() => {
    if (path === "" || path.startsWith("$") || touched.current) return;
    if (!isTopic) return take({ ...emptyForm, topic: path });
    const control = new AbortController();
    fill(control.signal).catch(() => {}); // what is looked at says what is wrong
    return () => control.abort();
  }, [path, isTopic]);

  const mistakes = Object.fromEntries(Object.entries(wrong(form)).map(([field, why]) => [field, t(`explorer.wrong.${why}`)]));
  const errors = { ...(tried ? mistakes : {}), ...said };
  const send = async () => {
    setTried(true);
    const first = Object.keys(mistakes)[0];
    if (first) {
      if (details.includes(first)) setMore(true);
      return;
    }
    try {
      await post("publish", request(form));
    } catch (e) {
      const field = fieldOf(e.message);
      if (e.status !== 400 || field === "") throw e;
      if (details.includes(field)) setMore(true);
      setSaid({ [field]: e.message });
      return;
    }
    touched.current = true;
    setTried(false);
    published.value = [{ at: Date.now(), form }, ...published.value].slice(0, kept);
    toast(t("explorer.publish.done", { topic: visible(form.topic) }));
  };
  const submit = (e) => {
    e.preventDefault();
    send().catch((error) => toast(error, "bad"));
  };
  const formattedText = form.kind === "json" ? pretty(form.payload) : null;
  return html`<section class="card publish" aria-label=${t("explorer.publish")}>
    <header><h2>${t("explorer.publish")}</h2>
      ${path !== "" && !path.startsWith("$") && (form.topic !== path || touched.current) && html`<${Action} class="quiet" run=${() => fill()}><${Icon} name="copy" /> ${t("explorer.publish.take")}<//>`}
    </header>
    <form onSubmit=${submit} noValidate onKeyDown=${(e) => e.key === "Enter" && (e.ctrlKey || e.metaKey) && submit(e)}>
      <${Field} label=${t("explorer.topic")} error=${errors.topic}>${(a) => html`<input ...${a} autocomplete="off" autocapitalize="none" spellcheck=${false} value=${form.topic} onInput=${(e) => set({ topic: e.currentTarget.value })} />`}<//>
      <${Field} label=${t("explorer.payload")} error=${errors.payload}>${(a) => html`<textarea ...${a} rows="3" spellcheck=${false} value=${form.payload} onInput=${(e) => set({ payload: e.currentTarget.value })}></textarea>`}<//>
      <div class="actions options">
        <label>${t("explorer.publish.kind")} <select value=${form.kind} onChange=${(e) => set({ kind: e.currentTarget.value })}>
          <option value="text">${t("explorer.kind.text")}</option><option value="json">JSON</option><option value="base64">Base64</option>
        </select></label>
        <label>QoS <select value=${form.qos} onChange=${(e) => set({ qos: Number(e.currentTarget.value) })}>${[0, 1, 2].map((q) => html`<option key=${q} value=${q}>${t(`explorer.qos.${q}`)}</option>`)}</select></label>
        <label class="check"><input type="checkbox" checked=${form.retain} onChange=${(e) => set({ retain: e.currentTarget.checked })} /> ${t("explorer.publish.retain")}</label>
        ${formattedText && formattedText !== form.payload && html`<button type="button" class="quiet" onClick=${() => set({ payload: formattedText })}>${t("explorer.publish.format")}</button>`}
      </div>
      ${form.retain && form.payload === "" && html`<p class="hint">${t("explorer.publish.clears")}</p>`}
      <details class="more" open=${more} onToggle=${(e) => setMore(e.currentTarget.open)}>
        <summary>${t("explorer.publish.properties")}</summary>
        <${Properties} form=${form} set=${set} errors=${errors} />
      </details>
      <p class="actions"><button type="submit" class="primary"><${Icon} name="send" /> ${t("explorer.publish.do")}</button> <span class="hint">${t("explorer.publish.keys")}</span></p>
    </form>
    <${Published} onTake=${(f) => (take(f), (touched.current = true))} />
  </section>`;
}
