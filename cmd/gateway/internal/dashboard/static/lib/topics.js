// The topic tree as the page has it: a mirror of the events of the feed "topics",
// what of it is unfolded and found, and the rows that this makes. No DOM.

const collator = new Intl.Collator("en", { numeric: true });
const tau = 10_000; // of the mean rate, ms

/** A filter as somebody types it: {kind: "" | "mqtt" | "text", match(path, payload)}. */
export function parseFilter(text) {
  const wanted = text.trim();
  if (wanted === "") return { kind: "", match: () => true };
  if (isFilter(wanted)) {
    const levels = wanted.split("/");
    return { kind: "mqtt", match: (path) => matchLevels(levels, path.split("/")) };
  }
  const lower = wanted.toLowerCase();
  return { kind: "text", match: (path, payload) => path.toLowerCase().includes(lower) || (payload !== null && payload.toLowerCase().includes(lower)) };
}

/** Whether a text has MQTT's wildcards where they may be. */
export function isFilter(text) {
  if (!/[+#]/.test(text)) return false;
  const levels = text.split("/");
  return levels.every((l, i) => (l === "#" ? i === levels.length - 1 : l === "+" || !/[+#]/.test(l)));
}

// As in section 4.7 of MQTT 5: wildcards at the beginning leave out $SYS.
function matchLevels(filter, topic) {
  if (topic[0].startsWith("$") && (filter[0] === "+" || filter[0] === "#")) return false;
  for (let i = 0; i < filter.length; i++) {
    if (filter[i] === "#") return true;
    if (i >= topic.length || (filter[i] !== "+" && filter[i] !== topic[i])) return false;
  }
  return filter.length === topic.length;
}

let nextId = 1;

/** One level of the tree. message is null where nothing is published. */
class Node {
  constructor(name, parent) {
    this.id = nextId++;
    this.name = name;
    this.parent = parent;
    this.path = parent === null ? "" : parent.parent === null ? name : `${parent.path}/${name}`;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.children = new Map();
    this.sorted = null;
    this.message = null; // {text, size, at, qos, retain, count, changed}
    this.topics = 0; // here and below
    this.found = 0; // of them, by the filter
    this.here = false; // found itself
    this.messages = 0; // here and below
    this.rate = 0; // a second, at the time rateAt
    this.rateAt = 0;
  }

  /** Its children, $SYS last. */
  list() {
    this.sorted ??= [...this.children.values()].sort((a, b) => a.name.startsWith("$") - b.name.startsWith("$") || collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1));
    return this.sorted;
  }

  /** Messages a second, of the last ten seconds or so. */
  rateNow(t) {
    return this.rate * Math.exp((this.rateAt - t) / tau);
  }
}

/** The mirror. */
export class Topics {
  constructor() {
    this.clear();
    this.filter = parseFilter("");
  }

  clear() {
    this.root = new Node("", null);
    this.total = 0;
    this.leftOut = 0;
    this.ready = false; // all that was there at the beginning has come
    this.version = (this.version ?? 0) + 1; // of the structure: rows are to be made again
    this.news = (this.news ?? 0) + 1; // of anything
    this.topics = new Map();
  }

  /** Takes an event in; t is now, ms. */
  take(event, t) {
    this.news++;
    this.total = event.total;
    this.leftOut = event.left_out;
    for (const [path, text, size, at, qos, retain, count] of event.topics) {
      const node = this.topics.get(path) ?? this.add(path);
      const old = node.message;
      const more = old === null ? (this.ready ? 1 : 0) : Math.max(0, count - old.count);
      node.message = { text, size, at, qos, retain, count, changed: this.ready && (old === null || old.count !== count) ? t : 0 };
      this.credit(node, count - (old?.count ?? 0), more, t);
      this.judge(node);
    }
    for (const path of event.removed ?? []) this.remove(path);
    if (!event.more) this.ready = true;
  }

  add(path) {
    let node = this.root;
    const chain = [node];
    for (const name of path.split("/")) {
      let child = node.children.get(name);
      if (!child) {
        child = new Node(name, node);
        node.children.set(name, child);
        node.sorted = null;
        this.version++;
      }
      chain.push((node = child));
    }
    for (const n of chain) n.topics++;
    this.topics.set(path, node);
    return node;
  }

  remove(path) {
    const node = this.topics.get(path);
    if (!node) return;
    this.topics.delete(path);
    this.version++;
    const { count } = node.message;
    node.message = null;
    if (node.here) this.mark(node, false);
    for (let n = node; n !== null; n = n.parent) {
      n.topics--;
      n.messages -= count;
      if (n.topics === 0 && n.parent !== null) {
        n.parent.children.delete(n.name);
        n.parent.sorted = null;
      }
    }
  }

  credit(node, messages, rate, t) {
    for (let n = node; n !== null; n = n.parent) {
      n.messages += messages;
      if (rate > 0) {
        n.rate = n.rateNow(t) + (rate * 1000) / tau;
        n.rateAt = t;
      }
    }
  }

  judge(node) {
    const found = this.filter.match(node.path, node.message.text);
    if (found !== node.here) this.mark(node, found);
  }

  mark(node, found) {
    node.here = found;
    for (let n = node; n !== null; n = n.parent) n.found += found ? 1 : -1;
    if (this.filter.kind !== "") this.version++;
  }

  /** Looks for something else. */
  search(filter) {
    this.filter = filter;
    this.version++;
    this.news++;
    for (const node of this.topics.values()) this.judge(node);
  }

  /** The node of a topic or of a branch, undefined if there is none. */
  find(path) {
    const known = this.topics.get(path);
    if (known || path === "") return known;
    let node = this.root;
    for (const name of path.split("/")) {
      node = node.children.get(name);
      if (!node) return undefined;
    }
    return node;
  }

  /**
   * The rows that are unfolded, in order: [{node, place, of}], place the one of its
   * siblings. isOpen tells of a path; what is found is unfolded anyway.
   */
  rows(isOpen) {
    const all = [];
    const searching = this.filter.kind !== "";
    const below = (node) => {
      const list = searching ? node.list().filter((n) => n.found > 0) : node.list();
      for (let i = 0; i < list.length; i++) {
        const n = list[i];
        all.push({ node: n, place: i + 1, of: list.length });
        if (n.children.size > 0 && isOpen(n)) below(n);
      }
    };
    below(this.root);
    return all;
  }

  /** The paths to unfold so that a small tree is seen at once, within so many rows; $SYS stays folded. */
  small(most) {
    const open = [];
    let rows = this.root.children.size;
    const queue = [...this.root.list()];
    for (let node = queue.shift(); node; node = queue.shift()) {
      if (node.children.size === 0 || node.path.startsWith("$")) continue;
      if (rows + node.children.size > most) continue;
      rows += node.children.size;
      open.push(node.path);
      queue.push(...node.list());
    }
    return open;
  }
}
