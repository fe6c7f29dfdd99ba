// One stream of server-sent events for each tab that somebody sees. A browser
// opens six connections to a host, and no page would load beside six streams: of
// all tabs only the four that were looked at last have one, the others ask every
// five seconds. A tab that nobody sees does neither, and catches up.
const mostStreams = 4;
const silenceLimit = 25_000; // ms; the gateway speaks every 10 s
const askInterval = 5000; // ms

/**
 * Makes a stream. state is told "live", "asking", "paused" or "lost"; heard that
 * something came; events are handlers by the name of the event.
 */
export function open({ state, heard, events }) {
  const feeds = new Map(); // name to {params, handlers, ask}
  let source = null;
  let silence, again, asking;
  let wait = 1000;
  let round = 0; // grows when what is under way is over
  let wanted = false; // somebody wants to follow
  let turn = true; // this tab may have a stream

  const tabs = watchTabs((mine) => {
    if (mine === turn) return;
    turn = mine;
    if (wanted) restart();
  });

  function close() {
    round++;
    source?.close();
    source = null;
    clearTimeout(silence);
    clearTimeout(again);
    clearTimeout(asking);
  }

  function restart() {
    close();
    if (!wanted) return;
    if (document.hidden) return state("paused");
    if (turn || [...feeds.values()].some((f) => !f.ask)) return connect();
    ask();
  }

  function lost() {
    close();
    state("lost");
    again = setTimeout(restart, wait);
    wait = Math.min(wait * 1.5, 5000);
  }

  function take(name, handler) {
    return (e) => {
      clearTimeout(silence);
      silence = setTimeout(lost, silenceLimit);
      handler(JSON.parse(e.data));
      heard();
      state("live");
      wait = 1000;
    };
  }

  function connect() {
    const query = new URLSearchParams();
    for (const [name, f] of feeds) {
      query.append("feed", name);
      for (const [k, v] of Object.entries(f.params)) if (v !== undefined && v !== null && v !== "") query.append(k, v);
    }
    const tail = query.toString();
    source = new EventSource("api/v1/stream" + (tail ? "?" + tail : ""));
    for (const [name, handler] of Object.entries(events)) source.addEventListener(name, take(name, handler));
    for (const f of feeds.values()) {
      for (const [name, handler] of Object.entries(f.handlers)) source.addEventListener(name, take(name, handler));
    }
    source.onerror = lost;
    silence = setTimeout(lost, silenceLimit);
  }

  async function ask() {
    const mine = round;
    try {
      const r = await fetch("api/v1/sensors", { credentials: "same-origin", signal: AbortSignal.timeout(silenceLimit) });
      if (!r.ok) throw new Error(r.statusText);
      const data = await r.json();
      if (mine !== round) return; // another has begun, or a stream
      events.snapshot(data);
      for (const f of feeds.values()) f.ask?.();
      heard();
      state("asking");
      wait = 1000;
      asking = setTimeout(ask, askInterval);
    } catch {
      if (mine === round) lost();
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) tabs.claim();
    if (wanted) restart();
  });
  addEventListener("online", () => wanted && restart());

  let soon;
  function changed() {
    if (!wanted) return; // follow begins with all of them
    clearTimeout(soon);
    soon = setTimeout(restart, 20); // a page that goes and one that comes are one change
  }

  return {
    follow() {
      if (wanted) return;
      wanted = true;
      tabs.claim();
      restart();
    },
    stop() {
      wanted = false;
      close();
    },
    feed(name, params, handlers, ask) {
      const f = { params, handlers, ask };
      feeds.set(name, f);
      changed();
      return () => {
        if (feeds.get(name) !== f) return;
        feeds.delete(name);
        changed();
      };
    },
  };
}

/**
 * Tells whether this tab is one of the mostStreams that were looked at last, and
 * calls changed when that changes. claim says that it is looked at now.
 */
function watchTabs(changed) {
  let channel;
  try {
    channel = new BroadcastChannel("gateway-tabs");
  } catch {
    return { claim() {} }; // there is none, or the browser keeps nothing for this page
  }
  const me = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
  const seen = new Map(); // tab to when it was looked at
  const decide = () => {
    const newest = [...seen].sort((a, b) => b[1] - a[1]).slice(0, mostStreams);
    changed(newest.some(([id]) => id === me));
  };
  const say = (what) => channel.postMessage({ id: me, at: seen.get(me) ?? 0, ...what });
  channel.onmessage = ({ data }) => {
    if (data.gone) seen.delete(data.id);
    else seen.set(data.id, data.at);
    if (data.hello) say({});
    decide();
  };
  addEventListener("pagehide", () => say({ gone: true }));
  addEventListener("pageshow", (e) => e.persisted && claim());
  addEventListener("focus", () => claim());
  function claim() {
    seen.set(me, Math.max(Date.now(), ...[...seen.values()].map((at) => at + 1))); // also if the clock was set back
    say({ hello: seen.size === 1 });
    decide();
  }
  return { claim };
}
