import assert from "node:assert/strict";
import test from "node:test";
import { Topics, isFilter, parseFilter } from "../static/lib/topics.js";

const event = (topics, more = {}) => ({ now: 0, total: topics.length, messages: 0, left_out: 0, more: false, reset: false, topics, ...more });
const line = (path, text = "1", count = 1) => [path, text, text?.length ?? 0, 1000, 0, true, count];
const shown = (topics, open) => topics.rows((n) => open === true || open.includes(n.path)).map((r) => r.node.path);

test("filters are MQTT's where they can be, else text", () => {
  for (const [text, path, found] of [
    ["home/+/temp", "home/kitchen/temp", true], ["home/+/temp", "home/kitchen/hum", false], ["home/+/temp", "home/a/b/temp", false],
    ["home/#", "home", true], ["home/#", "home/a/b", true], ["#", "$SYS/uptime", false], ["+/uptime", "$SYS/uptime", false], ["$SYS/#", "$SYS/uptime", true],
    ["+", "a", true], ["+", "a/b", false], ["/+", "/a", true], ["a/+", "a/", true], ["a/+", "a", false], ["a/+/#", "a/b", true], ["a/+/#", "a", false],
    ["KITCHEN", "home/kitchen/temp", true], ["a+b", "xa+by", true], ["21.5", "home/kitchen/temp", true], ["", "anything", true],
  ]) assert.equal(parseFilter(text).match(path, '{"t":21.5}'), found, `${text} and ${path}`);
  assert.deepEqual(["a/#/b", "a+/b", "a", "+", "a/#"].map(isFilter), [false, false, false, true, true]);
  assert.equal(parseFilter("x").match("a", null), false);
});

test("counts follow what comes and goes", () => {
  const t = new Topics();
  t.take(event([line("home/room2/t"), line("home/room10/t"), line("home"), line("$SYS/x"), line("a")]), 0);
  assert.deepEqual(shown(t, []), ["a", "home", "$SYS"]);
  assert.deepEqual(shown(t, ["home"]), ["a", "home", "home/room2", "home/room10", "$SYS"]);
  assert.equal(t.find("home").topics, 3);
  assert.equal(t.find("home/room2").message, null);
  t.take(event([line("home/room2/t", "2", 5)]), 1000);
  assert.equal(t.find("home").messages, 7);
  assert.ok(Math.abs(t.find("home").rateNow(1000) - 0.4) < 1e-9);
  assert.ok(t.find("home").rateNow(60_000) < 0.01);
  assert.equal(t.find("home/room2/t").message.changed, 1000);
  t.take(event([], { removed: ["home/room2/t", "home", "nowhere"] }), 0);
  assert.deepEqual(shown(t, true), ["a", "home", "home/room10", "home/room10/t", "$SYS", "$SYS/x"]);
  assert.equal(t.find("home").topics, 1);
  assert.equal(t.find("home").messages, 1);
  t.take(event([], { removed: ["home/room10/t"] }), 0);
  assert.equal(t.find("home"), undefined);
  assert.equal(t.root.topics, 2);
});

test("a topic may have empty levels", () => {
  const t = new Topics();
  t.take(event([line("/"), line("a//b"), line("/x")]), 0);
  assert.deepEqual(t.rows(() => true).map((r) => r.node.name), ["", "", "x", "a", "", "b"]);
  assert.equal(t.find("/").message.count, 1);
  assert.equal(t.find("a/").topics, 1);
});

test("what is found is shown with what leads there, and follows", () => {
  const t = new Topics();
  t.take(event([line("home/a/temp", "21"), line("home/b/temp", "22"), line("home/b/hum", "50"), line("other", "x")]), 0);
  t.search(parseFilter("home/+/temp"));
  assert.equal(t.root.found, 2);
  assert.deepEqual(shown(t, true), ["home", "home/a", "home/a/temp", "home/b", "home/b/temp"]);
  t.search(parseFilter("22"));
  assert.deepEqual(shown(t, true), ["home", "home/b", "home/b/temp"]);
  t.take(event([line("home/b/temp", "23", 2), line("other", "22", 2)]), 0);
  assert.deepEqual(shown(t, true), ["other"]);
  t.take(event([], { removed: ["other"] }), 0);
  assert.equal(t.root.found, 0);
  t.search(parseFilter(""));
  assert.equal(t.root.found, 3);
});

test("a small tree is unfolded, a large one is not", () => {
  const t = new Topics();
  t.take(event([line("home/a/temp"), line("home/b/temp"), line("$SYS/x/y")]), 0);
  assert.deepEqual(t.small(40), ["home", "home/a", "home/b"]);
  assert.deepEqual(t.small(4), ["home"]);
});

test("ten thousand topics", () => {
  const t = new Topics();
  const all = Array.from({ length: 10_000 }, (_, i) => line(`site/room${i % 100}/sensor${i}`));
  for (let i = 0; i < 10; i++) t.take(event(all.slice(i * 1000, i * 1000 + 1000), { more: i < 9 }), 0);
  assert.equal(t.rows(() => true).length, 10_101);
  t.search(parseFilter("site/+/sensor7"));
  assert.equal(t.rows(() => true).length, 3);
});
