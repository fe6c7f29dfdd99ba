import assert from "node:assert/strict";
import test from "node:test";
import { at, emptyView, flip, formatView, fromLocalInput, localInput, maxSeries, minSpan, pan, parseView, spanOf, toggle, zoom } from "../static/lib/view.js";

const now = Date.parse("2026-11-28T12:00:00Z");
const hour = 3600_000;
const parse = (text) => parseView(new URLSearchParams(text));

test("a view is what its query says", () => {
  for (const query of [
    "range=24h&s=home/kitchen/climate%23temperature&s=tele/plug/SENSOR%23ENERGY.Power",
    "from=1764331200000&to=1764334800000&s=a/b&off=0",
    "range=1y&s=a+%26+b%3Fc%3D1&s=%EC%98%A8%EB%8F%84&off=0&rise=1&apart=1",
    "range=1h",
  ]) assert.equal(formatView(parse(query)), query);
  assert.deepEqual(parse("range=7d&series=a%23x&s=b").series, ["b", "a#x"], "series is another word for s");
  assert.deepEqual(parse("from=2026-11-28T00:00:00Z&to=2026-11-28T12:00:00Z").to, now);
});

test("what makes no sense is left out", () => {
  const day = formatView(emptyView());
  for (const query of ["", "range=2h", "range=", "range=constructor", "from=5&to=4", "from=0&to=1", "from=x&to=y", "from=1", "from=0&to=99999999999999", "off=0&rise=7&off=x", "s="]) {
    assert.equal(formatView(parse(query)), day, query);
  }
  const many = Array.from({ length: 40 }, (_, i) => `s=t${i}`).join("&");
  assert.equal(parse(many).series.length, maxSeries);
  assert.deepEqual(parse("s=a&s=a&s=b&off=1&off=1").hidden, ["b"]);
});

test("zoom keeps the place, pan the width, and both stay in the past", () => {
  const view = { ...emptyView(), range: "1h" };
  assert.deepEqual(spanOf(view, now), [now - hour, now]);
  const left = zoom(view, 4, now, 0);
  assert.deepEqual([left.range, left.from, left.to], ["", now - hour, now - hour + hour / 4]);
  const out = zoom(left, 0.25, now, 0);
  assert.deepEqual([out.from, out.to], [now - hour, now]);
  const wide = zoom(view, 0.5, now);
  assert.deepEqual([wide.from, wide.to], [now - 2 * hour, now], "nothing is in the future");
  const before = pan(view, -0.5, now);
  assert.deepEqual([before.from, before.to], [now - 1.5 * hour, now - hour / 2]);
  assert.deepEqual(spanOf(pan(before, 3, now), now), [now - hour, now]);
  assert.equal(zoom(view, 1e9, now).to - zoom(view, 1e9, now).from, minSpan);
  const all = zoom({ ...view, range: "1y" }, 1e-9, now);
  assert.ok(all.from >= 0 && all.to <= now && parse(formatView(all)).from === all.from, "the widest view can be kept");
  assert.ok(Number.isInteger(at(view, 10.4, 99_999.7, now).from));
});

test("series come, go and hide", () => {
  let v = emptyView();
  for (const s of ["a", "b", "c"]) v = toggle(v, s);
  v = flip(flip(v, "hidden", "b"), "rises", "c");
  assert.deepEqual([v.series, v.hidden, v.rises], [["a", "b", "c"], ["b"], ["c"]]);
  v = toggle(flip(v, "rises", "c"), "b");
  assert.deepEqual([v.series, v.hidden, v.rises], [["a", "c"], [], []]);
  for (let i = 0; i < 30; i++) v = toggle(v, `n${i}`);
  assert.equal(v.series.length, maxSeries);
});

test("inputs of local time", () => {
  process.env.TZ = "Asia/Seoul";
  assert.equal(localInput(now), "2026-11-28T21:00:00");
  assert.equal(fromLocalInput("2026-11-28T21:00"), now);
  assert.ok(Number.isNaN(fromLocalInput("")));
});
