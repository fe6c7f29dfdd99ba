// The words of the page, while the line and the language come and go: node --test
import assert from "node:assert/strict";
import { mock, test } from "node:test";

let down = false;
const waiting = []; // answers that come when the test says so; null: at once
let slow = false;
globalThis.localStorage = { getItem: () => null, setItem() {} };
globalThis.document = { documentElement: {} };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-GB"] }, configurable: true });
globalThis.fetch = async (url) => {
  if (down) throw new TypeError("Failed to fetch");
  if (slow) await new Promise((resolve) => waiting.push({ url, resolve }));
  const [, language, name] = url.match(/(\w+)\/(\w+)\.json$/);
  return { ok: true, json: async () => ({ hello: `${language} of ${name}` }) };
};
mock.timers.enable({ apis: ["setTimeout"] });
const { choose, lang, load, t } = await import("../static/i18n.js");

const settle = async () => {
  for (let i = 0; i < 20; i++) await null;
};
const come = async (part) => {
  for (const w of waiting.splice(0)) w.url.includes(part) ? w.resolve() : waiting.push(w);
  await settle();
};

test("words that did not come for want of a line come when it is back", async () => {
  down = true;
  await load("one");
  assert.equal(t("one.hello"), "one.hello");
  down = false;
  mock.timers.tick(60_000);
  await settle();
  assert.equal(t("one.hello"), "en of one");
});

test("of two languages chosen one after the other the second is shown", async () => {
  slow = true;
  const first = choose("ko");
  const second = choose("en");
  await settle();
  await come("ko/");
  await Promise.all([first, second]);
  assert.equal(lang.value, "en");
  slow = false;
});

test("words that are asked for while the language changes are those of the new one", async () => {
  await load("two");
  slow = true;
  waiting.length = 0;
  const chosen = choose("ko");
  await settle();
  slow = false;
  await load("three"); // a page is opened meanwhile
  await come("");
  await chosen;
  await settle();
  assert.equal(lang.value, "ko");
  assert.equal(t("three.hello"), "ko of three");
});
