import assert from "node:assert/strict";
import test from "node:test";
import { limitsFor, matchesFilter, means } from "../static/lib/limits.js";

test("filters", () => {
  for (const [filter, topic, want] of [
    ["a/b", "a/b", true], ["a/b", "a/b/c", false], ["a/b/c", "a/b", false], ["+/b", "a/b", true], ["a/+", "a", false], ["a/+", "a/", true],
    ["a/#", "a", true], ["a/#", "a/b/c", true], ["#", "a/b", true], ["#", "$SYS/x", false], ["+/x", "$SYS/x", false], ["$SYS/#", "$SYS/x", true], ["a/#", "b/c", false],
  ]) assert.equal(matchesFilter(filter, topic), want, `${filter} ${topic}`);
});

test("values of rules, as the gateway reads them", () => {
  for (const [value, series, want] of [
    ["home/kitchen/climate#temperature", "home/kitchen/climate#temperature", true], ["home/kitchen/climate#temperature", "home/kitchen/climate#humidity", false],
    ["home/+/climate#temperature", "home/attic/climate#temperature", true], ["home/##temperature", "home/attic/climate#temperature", true],
    ["home/#", "home/hall/humidity", true], ["home/#", "home/attic/climate#temperature", false], ["tele/plug/SENSOR#ENERGY.Power", "tele/plug/SENSOR#ENERGY.Power", true],
  ]) assert.equal(means(value, series), want, `${value} ${series}`);
});

test("limits of rules that are on", () => {
  const rules = [
    { name: "hot", value: "home/##temperature", above: 30, below: null, enabled: true },
    { name: "band", value: "home/+/climate#temperature", above: 25, below: 0, enabled: true },
    { name: "off", value: "#", above: 1, enabled: false },
    { name: "missing", value: "home/##temperature", missing_ms: 5, enabled: true },
  ];
  assert.deepEqual(limitsFor(rules, ["home/attic/climate#temperature", "x/y"]), [
    { series: "home/attic/climate#temperature", value: 30, text: "hot > 30" },
    { series: "home/attic/climate#temperature", value: 25, text: "band > 25" },
    { series: "home/attic/climate#temperature", value: 0, text: "band < 0" },
  ]);
});
