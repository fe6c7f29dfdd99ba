// What the gateway says, in Korean: by its code, and in English what has none.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
define("localStorage", { getItem: () => "ko", setItem() {} });
define("fetch", async (path) => ({ ok: true, json: async () => JSON.parse(await readFile(new URL("../" + path, import.meta.url))) }));
const { loadSaid, said } = await import("../static/i18n.js");
await loadSaid();

test("the words of a code, with its values", () => {
  assert.equal(said({ error: "The alert hot does not fire any more.", code: "alert.over", values: { rule: "hot" } }), "알림 hot: 이미 끝났습니다.");
});

test("a value that has words of its own, behind a field", () => {
  const why = { error: "there is no such rule", code: "rule.nosuch" };
  assert.equal(said({ error: "x: there is no such rule: hot", before: "x: ", code: "rule.none", values: { why, rule: "hot" } }), "x: 그런 규칙이 없습니다: hot");
});

test("English where there is no code, or one of a newer gateway", () => {
  assert.equal(said({ error: "no space left on device" }), "no space left on device");
  assert.equal(said({ error: "something new", code: "new.thing", values: { n: 1 } }), "something new");
});
