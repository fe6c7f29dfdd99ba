import { test } from "node:test";
import assert from "node:assert/strict";
import { beyond, known, matches, msOf, numberOf, parseValue, picture, quantityOf, spanOf, suggestions, valuesOf } from "../static/lib/alert-rules.js";

test("a value is a topic and a key", () => {
  for (const [text, filter, key, many] of [
    ["home/kitchen/climate#temperature", "home/kitchen/climate", "temperature", false],
    ["home/+/climate#a.b", "home/+/climate", "a.b", true],
    ["home/##temperature", "home/#", "temperature", true],
    ["home/#", "home/#", "", true],
    ["#", "#", "", true],
    ["##x", "#", "x", true],
    ["a/b", "a/b", "", false],
    ["a#b#c", "a", "b#c", false],
    ["", "", "", false],
  ]) assert.deepEqual(parseValue(text), { filter, key, many }, text);
  assert.equal(quantityOf("tele/plug/SENSOR#ENERGY.Power"), "Power");
  assert.equal(quantityOf("home/kitchen/climate/temperature"), "temperature");
  assert.equal(quantityOf("home/+/+"), "");
});

test("filters match as MQTT's do", () => {
  for (const [filter, topic, yes] of [
    ["home/+/climate", "home/kitchen/climate", true], ["home/+/climate", "home/kitchen/x/climate", false], ["home/#", "home", true], ["home/#", "home/a/b", true],
    ["#", "$SYS/x", false], ["$SYS/#", "$SYS/x", true], ["+/+", "a", false], ["a/b", "a/b", true], ["a/b", "a/b/c", false],
  ]) assert.equal(matches(filter, topic), yes, `${filter} ${topic}`);
});

test("values that are known", () => {
  const sensors = [{ path: "home/kitchen/climate", values: [{ quantity: "temperature", title: "Temperature", unit: "°C", decimals: 1, number: 21, binary: false }] }];
  const series = [
    { series: "home/kitchen/climate#temperature", topic: "home/kitchen/climate", key: "temperature" },
    { series: "tele/plug/SENSOR#ENERGY.Power", topic: "tele/plug/SENSOR", key: "ENERGY.Power", title: "Power", unit: "W", last: 5 },
  ];
  const all = known(sensors, series);
  assert.deepEqual(all.map((v) => [v.series, v.number, v.unit]), [["home/kitchen/climate#temperature", 21, "°C"], ["tele/plug/SENSOR#ENERGY.Power", 5, "W"]]);
  assert.equal(valuesOf("home/+/climate#temperature", all).length, 1);
  assert.equal(valuesOf("home/+/climate#humidity", all).length, 0);
  assert.equal(valuesOf("home/+/climate", all).length, 1);
});

test("spans and numbers as they are typed", () => {
  assert.deepEqual([spanOf(300_000), spanOf(7200_000), spanOf(90_000), spanOf(500), spanOf(0)], [[5, "min"], [2, "h"], [90, "s"], [0.5, "s"], ["", "min"]]);
  assert.deepEqual([msOf("5", "min"), msOf("", "h"), msOf("x", "s"), msOf("0.5", "s")], [300_000, 0, 0, 500]);
  assert.deepEqual(["30", " -1,5 ", "−2", "", "abc", "1e3"].map(numberOf), [30, -1.5, -2, null, null, 1000]);
});

test("a picture holds its points and its limits", () => {
  const points = [[0, 1, 3], [10, 2, 2]];
  assert.equal(picture([], {}), null);
  const p = picture(points, { above: 9 }, 100, 50);
  assert.deepEqual([p.low, p.high, p.above, p.below], [1, 9, "4.0", null]);
  assert.equal(p.line, "0.0,40.8 100.0,40.8");
  assert.equal(beyond(points, { above: 2.5 }), 0.5);
  assert.equal(beyond(points, { below: 2.5 }), 1);
  assert.equal(beyond([], {}), 0);
});

test("suggestions are rules that the gateway takes", () => {
  for (const { rule } of suggestions("home")) assert.ok(rule.above !== null || rule.below !== null || rule.missing_ms > 0 || rule.status);
});
