// The log as it is written, with what can be done to find something in it.
import { useEffect, useLayoutEffect, useRef, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { Action, Failed, Icon, Loading } from "../../ui/ui.js";
import { t } from "../../i18n.js";
import { moment } from "../../format.js";
import { get, query } from "../../api.js";
import { isAdmin } from "../../session.js";
import { feed } from "../../store.js";
import { Search } from "./clients.js";
import { save } from "./save.js";

/** How many lines are held; the oldest go first. */
const most = 600;
const levels = ["debug", "info", "warn", "error"];

/** Lines with others behind them that are not among them yet. A gateway that was restarted counts anew. */
export function join(lines, more) {
  const known = new Set(lines.map((l) => `${l.id} ${l.time_ms}`));
  return [...lines, ...more.filter((l) => !known.has(`${l.id} ${l.time_ms}`))];
}

/**
 * How many lines are missing between the last one and those that came. A stream
 * that begins again tells once more what is there already.
 */
export function missedNow(news, last) {
  const first = news.lines[0]?.id ?? 0;
  return first > last ? Math.min(news.missed, first - last - 1) : 0;
}

/**
 * Follows the log: {lines, error, more, missed, older, again}. While paused
 * nothing is added, and what came is counted in held.
 */
function useLog(level, text, paused) {
  const [state, setState] = useState({ lines: null, more: false, error: null, missed: 0 });
  const [held, setHeld] = useState([]);
  const [turn, setTurn] = useState(0);
  const stopped = useRef(paused);
  stopped.current = paused;
  const want = { level, text };
  useEffect(() => {
    const control = new AbortController();
    let stop = () => {};
    let last = 0;
    const add = (fresh, missed = 0) => {
      if (fresh.length > 0) last = fresh[fresh.length - 1].id;
      if (stopped.current) setHeld((h) => join(h, fresh).slice(-most));
      else setState((s) => ({ ...s, lines: join(s.lines ?? [], fresh).slice(-most), missed: s.missed + missed }));
    };
    setHeld([]);
    get("logs" + query({ ...want, limit: 200 }), { signal: control.signal }).then(
      (a) => {
        setState({ lines: a.lines, more: a.more, error: null, missed: 0 });
        last = a.lines.length > 0 ? a.lines[a.lines.length - 1].id : a.total;
        const ask = () => get("logs" + query({ ...want, after: last, limit: most })).then((b) => add(b.lines), () => {});
        stop = feed("logs", { log_level: level, log_text: text, log_after: last }, { logs: (n) => add(n.lines, missedNow(n, last)) }, ask);
      },
      (error) => error.name !== "AbortError" && setState((s) => ({ ...s, error })),
    );
    return () => {
      control.abort();
      stop();
    };
  }, [level, text, turn]);
  useEffect(() => {
    if (paused || held.length === 0) return;
    setState((s) => ({ ...s, lines: join(s.lines ?? [], held).slice(-most) }));
    setHeld([]);
  }, [paused]);
  const older = async () => {
    const a = await get("logs" + query({ ...want, before: state.lines[0].id, limit: 200 }));
    setState((s) => ({ ...s, lines: [...a.lines, ...s.lines], more: a.more }));
  };
  return { ...state, held: held.length, older, again: () => setTurn((n) => n + 1) };
}

function Line({ line: l }) {
  return html`<li class=${`log ${l.level}`}>
    <time datetime=${new Date(l.time_ms).toISOString()}>${moment(l.time_ms, { seconds: true })}</time> <span class="level">${t(`system.log.${l.level}`)}</span>${l.part && html` <span class="part">${l.part}</span>`} <span class="message">${l.message}</span>${l.attrs.map(([key, text]) => html` <span key=${key} class="attr"><span class="key">${key}=</span>${text}</span>`)}
  </li>`;
}

/** The lines in a box that stays at its end, unless somebody has scrolled away from it. */
function Box({ lines, missed }) {
  const ref = useRef(null);
  const stick = useRef(true);
  useLayoutEffect(() => {
    if (stick.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [lines]);
  const scrolled = (e) => (stick.current = e.currentTarget.scrollHeight - e.currentTarget.scrollTop - e.currentTarget.clientHeight < 40);
  return html`<div class="log-lines card" ref=${ref} onScroll=${scrolled} tabindex="0" role="log" aria-live="off" aria-label=${t("system.tab.logs")}>
    ${missed > 0 && html`<p class="hint">${t("system.log.missed", { n: missed })}</p>`}
    <ol>${lines.map((l) => html`<${Line} key=${`${l.id} ${l.time_ms}`} line=${l} />`)}</ol>
  </div>`;
}

function Tail() {
  const [level, setLevel] = useState("info");
  const [text, setText] = useState("");
  const [paused, setPaused] = useState(false);
  const log = useLog(level, text, paused);
  return html`<div class="filters">
      <select aria-label=${t("system.log.level")} value=${level} onChange=${(e) => setLevel(e.currentTarget.value)}>
        ${levels.map((l) => html`<option key=${l} value=${l}>${t(`system.log.from.${l}`)}</option>`)}
      </select>
      <${Search} value=${text} label=${t("system.log.search")} onInput=${setText} />
      <button type="button" aria-pressed=${paused ? "true" : "false"} onClick=${() => setPaused(!paused)}><${Icon} name=${paused ? "play" : "pause"} /> ${t(paused ? "system.log.go" : "system.log.pause")}</button>
      <${Action} run=${() => save("logs" + query({ level, text, format: "text" }), "gateway.log")}><${Icon} name="download" /> ${t("system.log.save")}<//>
    </div>
    ${paused && html`<p class="hint" role="status">${t("system.log.held", { n: log.held })}</p>`}
    ${!log.lines && (log.error ? html`<${Failed} error=${log.error} again=${log.again} />` : html`<${Loading} />`)}
    ${log.lines && log.more && html`<p><${Action} run=${log.older}>${t("system.log.older")}<//></p>`}
    ${log.lines && log.lines.length === 0 && html`<p class="card">${t(text ? "system.log.nomatch" : "system.log.none")}</p>`}
    ${log.lines && log.lines.length > 0 && html`<${Box} lines=${log.lines} missed=${log.missed} />`}
    ${level === "debug" && html`<p class="hint">${t("system.log.debug.why")}</p>`}`;
}

/** The tab. */
export function Logs() {
  if (!isAdmin.value) return html`<div class="empty"><p>${t("system.log.admin")}</p></div>`;
  return html`<${Tail} />`;
}
