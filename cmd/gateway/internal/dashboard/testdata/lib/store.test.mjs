// What the page knows when the gateway goes and comes: node --test
import assert from "node:assert/strict";
import { mock, test } from "node:test";

const sources = [];
class Source extends EventTarget {
  constructor() {
    super();
    sources.push(this);
  }
  close() {}
  say(name, data) {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}
let down = false;
let who = { role: "admin", anonymous: true };
globalThis.localStorage = { getItem: () => null, setItem() {} };
globalThis.document = Object.assign(new EventTarget(), { documentElement: {}, hidden: false });
let reloads = 0;
globalThis.location = { search: "?kiosk=1", hash: "", host: "gateway", reload: () => reloads++ };
globalThis.addEventListener = () => {};
globalThis.BroadcastChannel = undefined;
globalThis.EventSource = Source;
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en"] }, configurable: true });
globalThis.fetch = async (url) => {
  if (down) throw new TypeError("Failed to fetch");
  if (url === "api/v1/session") return { ok: true, json: async () => who };
  // An answer that breaks off.
  return { ok: true, headers: new Headers({ "Content-Type": "application/json" }), json: async () => JSON.parse('{"half') };
};
mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
const { follow, line } = await import("../static/store.js");
const { refresh, session, isAdmin } = await import("../static/session.js");
const { get } = await import("../static/api.js");
const { moment } = await import("../static/format.js");

const settle = async () => {
  for (let i = 0; i < 20; i++) await null;
};
const snapshot = { gateway: { alarms: [] }, sensors: [] };

test("a gateway that has come back is asked who looks", async () => {
  await refresh();
  follow();
  sources[0].say("snapshot", snapshot);
  assert.equal(isAdmin.value, true);
  down = true;
  sources[0].onerror();
  await settle();
  assert.equal(line.value, "lost");
  [down, who] = [false, { role: "", setup: true, anonymous: true }]; // another has taken its place
  mock.timers.tick(1000);
  sources.at(-1).say("snapshot", snapshot);
  await settle();
  assert.equal(line.value, "live");
  assert.equal(isAdmin.value, false);
  assert.equal(session.value.setup, true);
});

test("an answer that breaks off is said in words", async () => {
  await assert.rejects(get("sensors"), (e) => e.status === 0 && e.message === "shell.unreachable");
});

test("the time of day has 24 hours in every language", () => {
  assert.match(moment(new Date().setHours(14, 3)), /^14:03$/);
});

test("a display on a wall loads the page of a newer gateway", () => {
  const of = (version) => ({ gateway: { version, alarms: [] }, sensors: [] });
  sources.at(-1).say("snapshot", of("v1"));
  reloads = 0;
  sources.at(-1).say("snapshot", of("v1"));
  assert.equal(reloads, 0);
  sources.at(-1).say("snapshot", of("v2"));
  assert.equal(reloads, 1);
});
