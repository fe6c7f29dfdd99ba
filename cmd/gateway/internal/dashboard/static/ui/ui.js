// The small pieces that every page uses.
import { signal } from "../vendor/signals.js";
import { useEffect, useId, useRef, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { t } from "../i18n.js";

/** A picture of icons.svg beside a text, or with a label of its own. */
export function Icon({ name, label }) {
  const use = html`<use href=${`static/icons.svg#${name}`} />`;
  return label ? html`<svg class="icon" role="img" aria-label=${label}>${use}</svg>` : html`<svg class="icon" aria-hidden="true">${use}</svg>`;
}

const toasts = signal([]);
let nextToast = 1;

/** Says something for a while; kind is "good" or "bad". What is bad stays until it is closed. */
export function toast(text, kind = "good") {
  const id = nextToast++;
  toasts.value = [...toasts.value.slice(-3), { id, text: String(text.message ?? text), kind }];
  if (kind === "good") setTimeout(() => dismiss(id), 6000);
}

const dismiss = (id) => (toasts.value = toasts.value.filter((x) => x.id !== id));

/** Where toasts are shown; the shell has it. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      (x) => html`<div key=${x.id} class=${`toast ${x.kind}`}>
        <span>${x.text}</span>
        <button type="button" class="quiet" onClick=${() => dismiss(x.id)} aria-label=${t("shell.close")}>✕</button>
      </div>`,
    )}
  </div>`;
}

let home = null; // what the dialog was opened from that has gone last

/**
 * A dialog over the page, open as long as it is there. onClose is called when
 * somebody wants to leave it, by Escape too.
 */
export function Dialog({ title, onClose, children, wide = false }) {
  const ref = useRef(null);
  const leave = useRef(null);
  leave.current = onClose;
  const id = useId();
  useEffect(() => {
    const d = ref.current;
    const before = document.activeElement;
    if (!d.open) d.showModal();
    // A browser may close it without asking, by a gesture: it is there until whoever
    // has opened it takes it away.
    const closed = () => (d.showModal(), leave.current());
    d.addEventListener("close", closed);
    return () => {
      d.removeEventListener("close", closed);
      d.close();
      // Not left to the browser: it may have been shown again since, and what it
      // was opened from may have gone before it, with a dialog below.
      (before?.isConnected ? before : home)?.focus();
      home = before;
    };
  }, []);
  // Escape is not left to the browser: when nobody has touched the page since the
  // last one it closes all dialogs at once, and asks none.
  const escape = (e) => e.key === "Escape" && !e.defaultPrevented && (e.preventDefault(), e.stopPropagation(), onClose());
  const cancel = (e) => e.target === ref.current && (e.preventDefault(), onClose()); // a choice of files within it has one, too
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id} onKeyDown=${escape} onCancel=${cancel}>
    <header>
      <h2 id=${id}>${title}</h2>
      <button type="button" class="quiet" onClick=${onClose} aria-label=${t("shell.close")}>✕</button>
    </header>
    <div class="body">${children}</div>
  </dialog>`;
}

const question = signal(null);

/**
 * Asks before something that cannot be taken back: resolves to true or false.
 *
 *   if (await confirm({ title, text, action: t("explorer.delete"), danger: true })) …
 */
export function confirm(q) {
  question.value?.resolve(false); // nobody can answer that any more
  return new Promise((resolve) => (question.value = { ...q, resolve }));
}

/** Where confirm asks; the shell has it. */
export function Question() {
  const q = question.value;
  if (!q) return null;
  const say = (yes) => {
    question.value = null;
    q.resolve(yes);
  };
  return html`<${Dialog} title=${q.title} onClose=${() => say(false)}>
    <p>${q.text}</p>
    <div class="actions">
      <button type="button" onClick=${() => say(false)}>${t("shell.cancel")}</button>
      <button type="button" class=${q.danger ? "danger" : "primary"} onClick=${() => say(true)}>${q.action}</button>
    </div>
  <//>`;
}

/**
 * Tabs: all is [{id, title, view}], view a function that returns what the tab
 * shows. Arrow keys go from one to the next.
 */
export function Tabs({ all, current, onSelect, label }) {
  const base = useId();
  const i = Math.max(0, all.findIndex((x) => x.id === current));
  const move = (e) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = (to + all.length) % all.length;
    onSelect(all[next].id);
    e.currentTarget.querySelectorAll("[role=tab]")[next]?.focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${move}>
      ${all.map(
        (x, n) => html`<button key=${x.id} type="button" role="tab" id=${`${base}-${x.id}`} aria-selected=${n === i} aria-controls=${`${base}-panel`} tabindex=${n === i ? 0 : -1} onClick=${() => onSelect(x.id)}>${x.title}</button>`,
      )}
    </div>
    <div role="tabpanel" id=${`${base}-panel`} aria-labelledby=${`${base}-${all[i].id}`} key=${all[i].id}>${all[i].view()}</div>
  </div>`;
}

/**
 * A label above an input, with a hint or an error below it that a screen reader
 * reads: children is a function of the input's attributes.
 *
 *   <${Field} label=… hint=… error=…>${(a) => html`<input ...${a} value=… />`}<//>
 */
export function Field({ label, hint, error, children }) {
  const id = useId();
  const about = error || hint ? `${id}-about` : undefined;
  return html`<div class=${error ? "field wrong" : "field"}>
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": about, "aria-invalid": error ? "true" : undefined })}
    ${about && html`<p id=${about} class=${error ? "error" : "hint"}>${error || hint}</p>`}
  </div>`;
}

/** A button that is busy until what it does is done, and says what failed. */
export function Action({ run, children, class: cls, type = "button", ...rest }) {
  const [busy, setBusy] = useState(false);
  const act = async (e) => {
    if (busy) return e.preventDefault();
    setBusy(true);
    try {
      await run(e);
    } catch (error) {
      if (error.name !== "AbortError") toast(error, "bad");
    } finally {
      setBusy(false);
    }
  };
  // Not disabled meanwhile, which would take the keyboard away from it.
  return html`<button type=${type} class=${cls} aria-busy=${busy ? "true" : undefined} aria-disabled=${busy ? "true" : undefined} onClick=${act} ...${rest}>${children}</button>`;
}

/** Copies a text, also where the page has no TLS and the browser no clipboard for it. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  (before?.closest("dialog") ?? document.body).append(area); // behind a dialog nothing can be selected
  area.select();
  const ok = document.execCommand("copy");
  area.remove();
  before?.focus();
  if (!ok) throw new Error(t("shell.copy.failed"));
}

/** A button that copies. */
export function Copy({ text, label }) {
  return html`<${Action} class="quiet" aria-label=${label ?? t("shell.copy.do")} run=${async () => (await copy(text), toast(t("shell.copy.done")))}><${Icon} name="copy" /> ${t("shell.copy.do")}<//>`;
}

/** Offers a text or a Blob as a file. */
export function download(name, content, type = "text/plain") {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * What a page shows while something comes, or if it does not: load is called
 * again when one of deps changes. [value, error, again]
 */
export function useLoad(load, deps) {
  const [state, setState] = useState({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    load(control.signal).then(
      (value) => control.signal.aborted || setState({ value, error: null }),
      (error) => control.signal.aborted || error.name === "AbortError" || setState((s) => ({ value: s.value, error })),
    );
    return () => control.abort();
  }, [...deps, turn]);
  return [state.value, state.error, () => setTurn((n) => n + 1)];
}

/** Says what is wrong where something should be, and offers to try again. */
export function Failed({ error, again }) {
  return html`<div class="empty" role="alert">
    <p>${error.message}</p>
    ${again && html`<p><button type="button" onClick=${again}>${t("shell.again")}</button></p>`}
  </div>`;
}

/** Says that something is on its way. */
export function Loading() {
  return html`<p class="loading" role="status">${t("shell.loading")}</p>`;
}
