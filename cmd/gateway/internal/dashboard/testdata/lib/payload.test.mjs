import assert from "node:assert/strict";
import test from "node:test";
import { base64Of, bytesOf, diff, hex, numbers, pretty, visible, visibleLines } from "../static/lib/payload.js";

test("JSON stays what it was", () => {
  assert.equal(pretty('{"id":9007199254740993,"x":[1.50,-2e+10,{}],"s":"a,\\"b: {","n":null,"e":[ ]}'),
    '{\n  "id": 9007199254740993,\n  "x": [\n    1.50,\n    -2e+10,\n    {}\n  ],\n  "s": "a,\\"b: {",\n  "n": null,\n  "e": []\n}');
  assert.equal(pretty('[{"a":1},{"a":1}]'), '[\n  {\n    "a": 1\n  },\n  {\n    "a": 1\n  }\n]');
  for (const text of ["21.5", "{", "{'a':1}", "", "text", "[1,]"]) assert.equal(pretty(text), null, text);
  const deep = "[".repeat(5000) + "]".repeat(5000);
  assert.equal(pretty(deep).replaceAll(/\s/g, ""), deep);
});

test("what cannot be seen is written out", () => {
  assert.equal(visible("a\u202eb\u0000\n\u200b\ufeff\u{e0041}é한👍"), "a\\u202eb\\u0000\\u000a\\u200b\\ufeff\\u{e0041}é한👍");
  assert.equal(visibleLines("a\r\n\tb\rc\u2066"), "a\n\tb\\u000dc\\u2066");
});

test("bytes", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => i + 60);
  assert.equal(hex(bytes), "00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK\n00000010  4c 4d 4e 4f                                      LMNO");
  assert.equal(hex(bytes, 16).split("\n").length, 1);
  assert.deepEqual(bytesOf(base64Of(bytes)), bytes);
  const large = new Uint8Array(100_000).fill(255);
  assert.equal(bytesOf(base64Of(large)).length, 100_000);
});

test("a difference is by lines", () => {
  assert.deepEqual(diff("a\nb\nc\nd", "a\nx\nc\ny\nd"), [[" ", "a"], ["-", "b"], ["+", "x"], [" ", "c"], ["+", "y"], [" ", "d"]]);
  assert.deepEqual(diff("same", "same"), [[" ", "same"]]);
  assert.deepEqual(diff("", "x"), [["-", ""], ["+", "x"]]);
  const lines = (n, s) => Array.from({ length: n }, (_, i) => `${s}${i}`).join("\n");
  assert.equal(diff(lines(2000, "a"), lines(2000, "b")), null);
  assert.equal(diff(lines(20_000, "a"), lines(20_000, "a").replace("a7\n", "x\n")).length, 20_001);
});

test("numbers are found by their path", () => {
  assert.deepEqual([...numbers('{"ENERGY":{"Power":[1,2.5]},"s":"3","t":4}')], [["ENERGY.Power.0", 1], ["ENERGY.Power.1", 2.5], ["t", 4]]);
  assert.deepEqual([...numbers("21.5")], [["", 21.5]]);
  assert.deepEqual([...numbers("text")], []);
  assert.deepEqual([...numbers(null)], []);
});
