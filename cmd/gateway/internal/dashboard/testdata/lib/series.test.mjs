import assert from "node:assert/strict";
import test from "node:test";
import { align, append, charts, forget, holdState, nearest, rises, stats } from "../static/lib/series.js";

function points(t, values, more = {}) {
  return { series: "a", title: "A", unit: "°C", decimals: 1, gap_ms: 25, t: [...t], min: values.map((v) => v - 1), avg: [...values], max: values.map((v) => v + 1), last: [...values], n: values.map(() => 2), ...more };
}

test("a gap breaks the line of its series, and of no other", () => {
  const a = points([0, 10, 50, 60], [1, 2, 3, 4]);
  const b = points([5, 15, 25, 35, 45, 55], [7, 7, 7, 7, 7, 7]);
  const { x, columns } = align([a, b]);
  assert.deepEqual(x, [0, 5, 10, 11, 15, 25, 35, 45, 50, 55, 60]);
  const u = undefined;
  assert.deepEqual(columns[0].mid, [1, u, 2, null, u, u, u, u, 3, u, 4]);
  assert.deepEqual(columns[0].max, [2, u, 3, null, u, u, u, u, 4, u, 5]);
  assert.deepEqual(columns[1].mid, [u, 7, u, u, 7, 7, 7, 7, u, 7, u]);
  assert.deepEqual([columns[0].alone, columns[1].alone], [[], []]);
});

test("a point that no line touches is to be seen", () => {
  const { x, columns } = align([points([0, 100, 200, 210], [1, 2, 3, 4])]);
  assert.deepEqual(x, [0, 1, 100, 101, 200, 210]);
  assert.deepEqual(columns[0].alone.map((i) => x[i]), [0, 100]);
  assert.deepEqual(align([points([5], [1])]).columns[0].alone, [0]);
  assert.deepEqual(align([]), { x: [], columns: [] });
  assert.deepEqual(align([points([], [])]).x, []);
});

test("what is 0 or 1 is drawn as it was last, not as its mean", () => {
  const door = points([0, 10], [0.5, 0.2], { binary: true });
  door.last = [1, 0];
  assert.deepEqual(align([door]).columns[0].mid, [1, 0]);
});

test("a door stays open until it closes, and what reports all the time has gaps", () => {
  const door = points([0, 1000, 90_000], [1, 0, 1], { binary: true, interval_ms: 100, gap_ms: 3 * 5000 + 10 });
  holdState(door, 10);
  assert.ok(!align([door]).columns[0].mid.includes(null));
  const pump = points([0, 1000, 90_000], [1, 0, 1], { binary: true, interval_ms: 1000, gap_ms: 3 * 1000 + 10 });
  holdState(pump, 10);
  assert.ok(align([pump]).columns[0].mid.includes(null));
  const slow = points([0, 90_000], [1, 2], { interval_ms: 10 });
  holdState(slow, 10);
  assert.equal(slow.gap_ms, 25);
});

test("the nearest point", () => {
  const t = [0, 10, 20, 100];
  for (const [at, want] of [[-5, 0], [4, 0], [6, 1], [15, 1], [59, 2], [61, 3], [1000, 3]]) assert.equal(nearest(t, at), want, String(at));
  assert.equal(nearest(t, 60, 25), -1);
  assert.equal(nearest([], 5), -1);
});

test("two units to a chart, with an axis each", () => {
  const list = [["°C"], ["%"], ["°C"], ["hPa"], ["", true], ["ppm"], ["%"], ["", true], ["lx"], [""]].map(([unit, binary]) => ({ unit, binary }));
  assert.deepEqual(charts(list), [
    { axes: ["°C", "%"], members: [0, 1, 2, 6] },
    { axes: ["hPa", "ppm"], members: [3, 5] },
    { axes: ["binary"], members: [4, 7] },
    { axes: ["lx", ""], members: [8, 9] },
  ]);
  assert.deepEqual(charts(list.slice(0, 3), true), [{ axes: ["°C"], members: [0] }, { axes: ["%"], members: [1] }, { axes: ["°C"], members: [2] }]);
});

test("what comes live goes where the gateway would put it", () => {
  const p = points([1000, 1100], [1, 2]);
  assert.ok(append(p, 1150, 8, 100));
  assert.deepEqual([p.t, p.avg[1], p.max[1], p.min[1], p.n[1], p.last[1]], [[1000, 1100], 4, 8, 1, 3, 8]);
  assert.ok(!append(p, 1150, 8, 100), "the same again");
  assert.ok(!append(p, 900, 8, 100), "late data");
  assert.ok(append(p, 1345, 5, 100));
  assert.deepEqual([p.t, p.min[2], p.n[2]], [[1000, 1100, 1300], 5, 1]);
  const raw = points([], []);
  for (const t of [1, 2, 3]) assert.ok(append(raw, t, t, 0));
  assert.deepEqual(raw.t, [1, 2, 3]);
  forget(raw, 3);
  assert.deepEqual([raw.t, raw.avg, raw.n], [[3], [3], [1]]);
});

test("a live hour does not grow over a day at one hertz", () => {
  const p = points([], []);
  const [hour, width] = [3600_000, 2400];
  for (let t = 1000; t < 24 * hour; t += 1000) {
    append(p, t, Math.sin(t / 1e6), width);
    if (t % 60_000 === 0) forget(p, t - hour);
  }
  assert.ok(p.t.length <= hour / width + 60_000 / width + 2, `${p.t.length} points`);
  assert.ok(p.n.every((n) => n <= 3) && p.t.length === p.max.length);
  assert.deepEqual(Object.keys(p).filter((k) => Array.isArray(p[k]) && p[k].length !== p.t.length), []);
});

test("stats know every extreme and when it was", () => {
  const p = points([0, 10, 20], [5, 9, 1]);
  p.n = [1, 1, 8];
  p.max[0] = 80;
  assert.deepEqual(stats(p), { n: 10, min: 0, minAt: 20, avg: 2.2, max: 80, maxAt: 0, last: 1, lastAt: 20 });
  assert.equal(stats(points([], [])), null);
});

test("a counter's rises, over a restart and not over a gap", () => {
  const p = points([0, 10, 20, 30, 90, 100], [100, 105, 3, 4, 50, 51]);
  const r = rises(p);
  assert.deepEqual([r.t, r.avg, r.last], [[10, 20, 30, 100], [5, 3, 1, 1], [5, 3, 1, 1]]);
  assert.deepEqual(p.avg, [100, 105, 3, 4, 50, 51]);
  assert.deepEqual(rises(points([], [])).t, []);
});
