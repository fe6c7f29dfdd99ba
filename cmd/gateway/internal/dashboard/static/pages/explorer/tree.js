// The topic tree: of thousands of rows only those in sight are in the document.
import { useEffect, useLayoutEffect, useRef, useState } from "../../vendor/hooks.js";
import { html } from "../../ui/html.js";
import { count } from "../../format.js";
import { lang, t } from "../../i18n.js";
import { visible } from "../../lib/payload.js";
import { now } from "../../store.js";

const around = 10; // rows above and below what is in sight
const flash = 1200; // how long a change is marked, ms
const typing = 800; // letters within it are one search, ms

const fontSize = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
const rowHeight = () => Math.round(fontSize() * (matchMedia("(pointer: coarse)").matches ? 2.6 : 1.8));

function Row({ row, at, height, open, active, selected, t: time, onClick, onFold }) {
  const { node } = row;
  const branch = node.children.size > 0;
  const m = node.message;
  const rate = branch ? node.rateNow(time) : 0;
  const fresh = m && m.changed > 0 && time - m.changed < flash;
  const below = branch ? t("explorer.row", { n: node.topics, messages: node.messages }) : undefined;
  return html`<div
    role="treeitem" id=${`topic-${node.id}`} class=${`row${active ? " active" : ""}`}
    aria-level=${node.depth} aria-setsize=${row.of} aria-posinset=${row.place} aria-selected=${selected} aria-expanded=${branch ? open : undefined}
    style=${{ height: `${height}px`, transform: `translateY(${at * height}px)`, paddingInlineStart: `${Math.min(node.depth - 1, 24) * 0.9 + 0.3}rem` }}
    onClick=${onClick} title=${below}
  >
    <span class="twisty" aria-hidden="true" onClick=${branch ? (e) => (e.stopPropagation(), onFold()) : undefined}>${branch ? (open ? "▾" : "▸") : ""}</span>
    <bdi class=${node.name === "" ? "name soft" : "name"}>${node.name === "" ? t("explorer.level.empty") : visible(node.name)}</bdi>
    ${branch && html`<span class="many">(${node.topics.toLocaleString(lang.value)})</span>`}
    ${m && html`<bdi key=${m.count} class=${fresh ? "says fresh" : "says"}>${m.text === null ? t("explorer.binary", { n: m.size }) : visible(m.text)}</bdi>`}
    ${rate >= 0.05 && html`<span class="rate">${t("explorer.rate", { rate: count(Math.round(rate * 10) / 10) })}</span>`}
  </div>`;
}

/**
 * rows are those of Topics.rows; isOpen tells of a node; fold(paths, unfold) folds or
 * unfolds; selected is a path. It is to be drawn again with another news.
 */
export function Tree({ rows, isOpen, fold, selected, onSelect }) {
  const box = useRef(null);
  const search = useRef({ text: "", at: 0 });
  const [height] = useState(rowHeight);
  const [view, setView] = useState({ top: 0, size: 600 });
  const [active, setActive] = useState(null); // path
  const time = Math.max(now.value, performance.now());

  useLayoutEffect(() => {
    const look = () => setView({ top: box.current.scrollTop, size: box.current.clientHeight });
    const watch = new ResizeObserver(look);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const index = (path) => rows.findIndex((r) => r.node.path === path);
  const show = (i) => {
    const at = i * height;
    const b = box.current;
    if (at < b.scrollTop) b.scrollTop = at;
    else if (at + height > b.scrollTop + b.clientHeight) b.scrollTop = at + height - b.clientHeight;
  };
  useEffect(() => {
    if (selected === "" || selected === active) return;
    const i = index(selected);
    if (i < 0) return;
    setActive(selected);
    show(i);
  }, [selected, rows.length > 0 && index(selected) >= 0]);

  const move = (i) => {
    const to = Math.max(0, Math.min(rows.length - 1, i));
    setActive(rows[to].node.path);
    show(to);
  };
  const type = (letter) => {
    const s = search.current;
    const t0 = performance.now();
    s.text = t0 - s.at < typing ? s.text + letter.toLowerCase() : letter.toLowerCase();
    s.at = t0;
    const from = Math.max(0, index(active)) + (s.text.length === 1 ? 1 : 0);
    for (let k = 0; k < rows.length; k++) {
      const i = (from + k) % rows.length;
      if (rows[i].node.name.toLowerCase().startsWith(s.text)) return move(i);
    }
  };
  const key = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const i = index(active);
    const node = rows[i]?.node;
    const page = Math.max(1, Math.floor(view.size / height) - 1);
    const open = node && node.children.size > 0 && isOpen(node);
    const parent = node ? rows.slice(0, i).findLastIndex((r) => r.node === node.parent) : -1;
    const keys = {
      ArrowDown: () => move(i + 1),
      ArrowUp: () => move(i - 1),
      PageDown: () => move(i + page),
      PageUp: () => move(i - page),
      Home: () => move(0),
      End: () => move(rows.length - 1),
      ArrowRight: () => (open ? move(i + 1) : node?.children.size > 0 && fold([node.path], true)),
      ArrowLeft: () => (open ? fold([node.path], false) : parent >= 0 && move(parent)),
      Enter: () => node && onSelect(node.path),
      " ": () => node && onSelect(node.path),
      "*": () => node && fold(node.parent.list().filter((n) => n.children.size > 0).map((n) => n.path), true),
    };
    if (keys[e.key]) keys[e.key]();
    else if ([...e.key].length === 1) type(e.key);
    else return;
    e.preventDefault();
  };

  const first = Math.max(0, Math.floor(view.top / height) - around);
  const last = Math.min(rows.length, Math.ceil((view.top + view.size) / height) + around);
  const inSight = rows.slice(first, last);
  const activeRow = inSight.find((r) => r.node.path === active);
  return html`<div
    class="tree" role="tree" tabindex="0" ref=${box} aria-label=${t("explorer.tree")} aria-activedescendant=${activeRow ? `topic-${activeRow.node.id}` : undefined}
    onScroll=${(e) => setView({ top: e.currentTarget.scrollTop, size: e.currentTarget.clientHeight })}
    onKeyDown=${key}
    onFocus=${() => (active === null || index(active) < 0) && rows.length > 0 && setActive(rows[first === 0 ? 0 : first + around].node.path)}
  >
    <div role="none" class="rows" style=${{ height: `${rows.length * height}px` }}>
      ${inSight.map((row, i) => {
        const { node } = row;
        const open = node.children.size > 0 && isOpen(node);
        const toggle = () => fold([node.path], !open);
        const click = () => {
          setActive(node.path);
          if (node.message === null || node.path === selected) node.children.size > 0 && toggle();
          if (node.path !== "") onSelect(node.path);
        };
        return html`<${Row} key=${node.id} row=${row} at=${first + i} height=${height} open=${open} active=${node.path === active} selected=${node.path === selected} t=${time} onClick=${click} onFold=${toggle} />`;
      })}
    </div>
  </div>`;
}
