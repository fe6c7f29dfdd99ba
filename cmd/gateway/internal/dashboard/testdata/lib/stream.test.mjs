// The stream of a tab, in a browser that is not there: node --test
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { open } from "../static/stream.js";

let page, sources, asked, channels, channelFails;

class Source extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
    this.open = true;
    sources.push(this);
  }
  close() {
    this.open = false;
  }
  say(name, data) {
    const e = new Event(name);
    e.data = JSON.stringify(data);
    this.dispatchEvent(e);
  }
}

class Channel {
  constructor() {
    if (channelFails) throw new DOMException("the operation is insecure", "SecurityError");
    channels.push(this);
    this.said = [];
  }
  postMessage(data) {
    this.said.push(data);
  }
  hear(data) {
    this.onmessage({ data });
  }
}

beforeEach(() => {
  [sources, asked, channels, channelFails] = [[], [], [], false];
  page = new EventTarget();
  page.hidden = false;
  globalThis.document = page;
  globalThis.EventSource = Source;
  globalThis.BroadcastChannel = Channel;
  globalThis.addEventListener = () => {};
  // Answers when the test says so.
  globalThis.fetch = () => new Promise((resolve) => asked.push(() => resolve({ ok: true, json: async () => ({}) })));
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1e12 });
});

const settle = async () => {
  for (let i = 0; i < 10; i++) await null;
};

function begin() {
  const states = [];
  const s = open({ state: (x) => states.push(x), heard() {}, events: { snapshot() {}, beat() {} } });
  return [s, states];
}

/** Four tabs that are looked at later than this one. */
const others = () => [1, 2, 3, 4].forEach((i) => channels[0].hear({ id: `other${i}`, at: Date.now() + 1000 * i }));

const streams = () => sources.filter((s) => s.open).length;

test("one of five tabs asks, in one loop however often that begins again", async () => {
  const [s] = begin();
  s.follow();
  others();
  assert.equal(streams(), 0);
  assert.equal(asked.length, 1);
  // Pages come and go while the answer is on its way.
  for (let i = 0; i < 3; i++) {
    s.feed("alerts", { i }, {}, () => {});
    mock.timers.tick(20);
  }
  asked.forEach((answer) => answer());
  await settle();
  const before = asked.length;
  mock.timers.tick(5000);
  await settle();
  assert.equal(asked.length - before, 1, "requests after five seconds");
});

test("an answer that comes late does not ask on beside a stream", async () => {
  const [s, states] = begin();
  s.follow();
  others();
  s.feed("topics", {}, {}); // needs a stream
  mock.timers.tick(20);
  assert.equal(streams(), 1);
  asked.forEach((answer) => answer());
  await settle();
  assert.notEqual(states.at(-1), "asking");
  const before = asked.length;
  mock.timers.tick(10_000);
  await settle();
  assert.equal(asked.length, before);
});

test("a clock that was set back does not take the stream from who looks now", () => {
  const [s] = begin();
  s.follow();
  [1, 2, 3, 4].forEach((i) => channels[0].hear({ id: `other${i}`, at: Date.now() + 3600_000 + i }));
  assert.equal(streams(), 0);
  page.dispatchEvent(new Event("visibilitychange")); // somebody looks
  assert.equal(streams(), 1);
});

test("a browser that keeps nothing lets tabs not talk to each other, and they work", () => {
  channelFails = true;
  const [s] = begin();
  s.follow();
  assert.equal(streams(), 1);
});

test("a tab that is not seen has no stream, and begins again with one", () => {
  const [s, states] = begin();
  s.follow();
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(streams(), 0);
  assert.equal(states.at(-1), "paused");
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(streams(), 1);
  s.stop();
  assert.equal(streams(), 0);
});

test("a line that is lost is tried again, slower and slower", () => {
  const [s, states] = begin();
  s.follow();
  sources[0].onerror();
  assert.equal(states.at(-1), "lost");
  assert.equal(streams(), 0);
  mock.timers.tick(1000);
  assert.equal(streams(), 1);
  sources.at(-1).onerror();
  mock.timers.tick(1000);
  assert.equal(streams(), 0);
  mock.timers.tick(500);
  assert.equal(streams(), 1);
  sources.at(-1).say("beat", {});
  assert.equal(states.at(-1), "live");
  mock.timers.tick(25_000); // and silence is as bad
  assert.equal(states.at(-1), "lost");
});
