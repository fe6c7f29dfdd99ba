// Explorer: every topic, what it says, and a way to publish and to clear what is
// retained. The address holds what is looked for and at.
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/ui.js";
import { count } from "../format.js";
import { t } from "../i18n.js";
import { isFilter, parseFilter } from "../lib/topics.js";
import { go, link } from "../router.js";
import { isAdmin } from "../session.js";
import { gateway, now } from "../store.js";
import { Clear, Restore } from "./explorer/clear.js";
import { Detail } from "./explorer/detail.js";
import { useTopics } from "./explorer/mirror.js";
import { Publish } from "./explorer/publish.js";
import { Tree } from "./explorer/tree.js";

const unfolded = 40; // rows of a small tree
const phone = "(max-width: 60rem)"; // as in explorer.css: tree and topic take turns

/** The line that makes a first topic. */
function Nothing() {
  const [, host, port] = (gateway.value?.mqtt[0] ?? "").match(/^(.*):(\d+)$/) ?? [null, "127.0.0.1", "1883"];
  const reachable = /^(127\.|0\.0\.0\.0|localhost|\[?::)/.test(host) ? location.hostname : host;
  return html`<div class="empty">
    <h2>${t("explorer.empty")}</h2>
    <p>${t("explorer.empty.try")}</p>
    <pre>mosquitto_pub -h ${reachable} -p ${port} -t home/kitchen/temperature -m 21.5</pre>
    <p><a class="button" href=${link("connect")}>${t("explorer.empty.connect")}</a></p>
  </div>`;
}

/** What the filter is, and how many it finds. */
function Found({ topics, filter }) {
  if (filter.kind === "") return html`<p class="hint" id="explorer-found">${t("explorer.filter.hint")}</p>`;
  return html`<p class="hint" id="explorer-found" role="status">${t(`explorer.filter.${filter.kind}`, { found: topics.root.found, all: topics.topics.size })}</p>`;
}

function Sum({ topics }) {
  const rate = topics.root.rateNow(Math.max(now.value, performance.now()));
  return html`<p class="sum">
    ${t("explorer.topics", { n: topics.topics.size })} · ${t("explorer.rate", { rate: count(Math.round(rate * 10) / 10) })}
    ${topics.leftOut > 0 && html` <strong>${t("explorer.left", { n: topics.total })}</strong>`}
  </p>`;
}

/** Which branches are unfolded; with a filter all are, but for those that somebody folds. */
function useOpen(topics, searching, selected) {
  const [open, setOpen] = useState(new Set());
  const [closed, setClosed] = useState(new Set());
  const chosen = useRef(false); // somebody has folded or unfolded something
  useEffect(() => setClosed(new Set()), [searching]);
  useEffect(() => {
    if (!topics.ready || chosen.current) return;
    const small = topics.small(unfolded);
    setOpen((was) => (small.every((p) => was.has(p)) ? was : new Set([...was, ...small])));
  }, [topics, topics.ready, topics.version]);
  useEffect(() => {
    if (!selected) return;
    const levels = selected.split("/");
    setOpen((was) => new Set([...was, ...levels.slice(0, -1).map((_, i) => levels.slice(0, i + 1).join("/"))]));
  }, [selected]);
  const isOpen = (node) => (searching ? !closed.has(node.path) : open.has(node.path));
  const fold = (paths, unfold) => {
    chosen.current = true;
    const change = (adding) => (was) => {
      const next = new Set(was);
      for (const p of paths) adding ? next.add(p) : next.delete(p);
      return next;
    };
    if (searching) setClosed(change(!unfold));
    else setOpen(change(unfold));
  };
  return [isOpen, fold, searching ? closed : open];
}

export default function Explorer({ query }) {
  const text = query.get("filter") ?? "";
  const selected = query.get("topic") ?? "";
  const [paused, setPaused] = useState(null); // when, ms
  const [clearing, setClearing] = useState(null); // a filter
  const [typed, setTyped] = useState(text);
  const topics = useTopics(paused !== null);
  const filter = useMemo(() => parseFilter(text), [text]);
  useMemo(() => topics.search(filter), [topics, filter]);
  useEffect(() => setTyped(text), [text]);
  const [isOpen, fold, unfoldedNow] = useOpen(topics, filter.kind !== "", selected);

  const to = (change, options) => go(link("explorer", [], { filter: text, topic: selected, ...change }), options);
  const type = (value) => {
    setTyped(value);
    to({ filter: value.trim() }, { replace: true });
  };
  // On a phone a topic is a view of its own, which Back leaves.
  const select = (path) => path !== selected && to({ topic: path }, { replace: selected !== "" || !matchMedia(phone).matches });
  const rows = useMemo(() => topics.rows(isOpen), [topics, topics.version, unfoldedNow, filter]);
  const { news } = topics; // components whose properties are the same are not drawn again
  const nothing = topics.ready && !topics.root.list().some((n) => !n.name.startsWith("$"));

  return html`<div class="explorer-head">
      <h1>${t("shell.page.explorer")}</h1>
      <${Sum} topics=${topics} news=${news} />
      <span class="grow"></span>
      <button type="button" aria-pressed=${paused !== null} onClick=${() => setPaused(paused === null ? Date.now() : null)}><${Icon} name=${paused === null ? "pause" : "play"} /> ${t(paused === null ? "explorer.pause" : "explorer.resume")}</button>
      ${isAdmin.value && html`<${Restore} />`}
    </div>
    <div class=${`explorer${selected ? " chosen" : ""}`}>
      <section class="topics" aria-label=${t("explorer.tree")}>
        <div class="filter" role="search">
          <label for="explorer-filter" class="visually-hidden">${t("explorer.filter")}</label>
          <input id="explorer-filter" type="search" value=${typed} placeholder=${t("explorer.filter.example")} autocomplete="off" autocapitalize="none" spellcheck=${false} aria-describedby="explorer-found" onInput=${(e) => type(e.currentTarget.value)} />
          ${isAdmin.value && isFilter(text) && html`<button type="button" onClick=${() => setClearing(text)}><${Icon} name="trash" /> ${t("explorer.clear.found")}</button>`}
        </div>
        <${Found} topics=${topics} filter=${filter} news=${news} />
        ${nothing && html`<${Nothing} />`}
        ${!topics.ready && topics.topics.size === 0
          ? html`<p class="loading" role="status">${t("shell.loading")}</p>`
          : rows.length === 0
            ? html`<p class="empty">${t("explorer.none")}</p>`
            : html`<${Tree} rows=${rows} news=${news} isOpen=${isOpen} fold=${fold} selected=${selected} onSelect=${select} />`}
      </section>
      <div class="beside">
        ${selected && html`<a class="button back" href=${link("explorer", [], { filter: text })}><${Icon} name="left" /> ${t("explorer.back")}</a>`}
        ${selected
          ? html`<${Detail} key=${selected} path=${selected} node=${topics.find(selected)} news=${news} ready=${topics.ready} paused=${paused !== null} onClear=${setClearing} onFilter=${(f) => to({ filter: f })} onSelect=${select} />`
          : html`<p class="card choose">${t("explorer.choose")}</p>`}
        ${isAdmin.value && html`<${Publish} path=${selected} isTopic=${Boolean(topics.find(selected)?.message)} />`}
      </div>
    </div>
    ${clearing !== null && html`<${Clear} filter=${clearing} onClose=${() => setClearing(null)} />`}`;
}
