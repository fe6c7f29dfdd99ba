import assert from "node:assert/strict";
import test from "node:test";
import { axisNumber, momentText, spanText, tickLabels, timeTicks } from "../static/lib/ticks.js";

const hour = 3600_000;
const day = 24 * hour;

/** The labels of an axis, in one line. */
function axis(zone, from, span, most, language = "en") {
  process.env.TZ = zone;
  const start = new Date(from).getTime();
  const ticks = timeTicks(start, start + span, most);
  for (let i = 1; i < ticks.at.length; i++) assert.ok(ticks.at[i] > ticks.at[i - 1], "marks go on");
  assert.ok(ticks.at.length <= most + 2, `${ticks.at.length} marks, room for ${most}`);
  return tickLabels(ticks, language).join(" | ").replaceAll("\n", " / ");
}

test("marks stand at round local times", () => {
  assert.equal(axis("UTC", "2026-11-28T10:07:03", 20_000, 5), "10:07:05 / 28 Nov | 10:07:10 | 10:07:15 | 10:07:20");
  assert.equal(axis("Europe/Berlin", "2026-11-27T22:00", 6 * hour, 6), "22:00 / 27 Nov | 23:00 | 00:00 / 28 Nov | 01:00 | 02:00 | 03:00 | 04:00");
  assert.equal(axis("Asia/Kathmandu", "2026-11-28T10:07", hour, 4), "10:15 / 28 Nov | 10:30 | 10:45 | 11:00");
  assert.equal(axis("America/New_York", "2026-11-27T22:30", day, 5), "00:00 / 28 Nov | 06:00 | 12:00 | 18:00");
  assert.equal(axis("Asia/Seoul", "2026-11-27T12:00", 5 * day, 8, "ko"), "11월 28일 / 2026년 | 11월 29일 | 11월 30일 | 12월 1일 | 12월 2일");
  assert.equal(axis("UTC", "2025-12-03T00:00", 365 * day, 5), "Jan / 2026 | Apr | Jul | Oct");
  assert.equal(axis("UTC", "2019-06-01T00:00", 7 * 365 * day, 8), "2020 | 2021 | 2022 | 2023 | 2024 | 2025 | 2026");
});

test("days and hours are as long as they are", () => {
  // 29 March 2026: 02:00 does not exist in Berlin; 25 October: it comes twice.
  assert.equal(axis("Europe/Berlin", "2026-03-29T00:00", 5 * hour, 6), "00:00 / 29 Mar | 01:00 | 03:00 | 04:00 | 05:00 | 06:00");
  assert.equal(axis("Europe/Berlin", "2026-10-25T00:00", 5 * hour, 6), "00:00 / 25 Oct | 01:00 | 02:00 | 02:00 | 03:00 | 04:00");
  assert.equal(axis("Europe/Berlin", "2026-03-28T12:00", day, 5), "12:00 / 28 Mar | 18:00 | 00:00 / 29 Mar | 06:00 | 12:00");
  assert.equal(axis("Europe/Berlin", "2026-10-24T12:00", 30 * hour, 16), "12:00 / 24 Oct | 14:00 | 16:00 | 18:00 | 20:00 | 22:00 | 00:00 / 25 Oct | 02:00 | 04:00 | 06:00 | 08:00 | 10:00 | 12:00 | 14:00 | 16:00");
  assert.equal(axis("Europe/Berlin", "2026-10-24T00:00", 4 * day, 5), "24 Oct / 2026 | 25 Oct | 26 Oct | 27 Oct");
  process.env.TZ = "Europe/Berlin";
  const { at } = timeTicks(+new Date("2026-03-20T00:00"), +new Date("2026-04-05T00:00"), 20);
  assert.ok(at.every((t) => new Date(t).getHours() === 0), "every mark is a midnight");
});

test("any span has marks, and not too many", () => {
  process.env.TZ = "America/St_Johns";
  for (let span = 5_000; span < 20 * 365 * day; span *= 1.37) {
    for (const most of [3, 5, 9, 16]) {
      const { at } = timeTicks(1764331234567, 1764331234567 + span, most);
      assert.ok(at.length <= most + 2 && at.length * 6 >= most - 3, `${span} ms with room for ${most}: ${at.length} marks`);
    }
  }
});

test("moments are written in the language", () => {
  process.env.TZ = "Asia/Seoul";
  const t = Date.parse("2025-11-28T12:00:05Z");
  assert.match(momentText(t, "en", hour), /^28 Nov 2025,? 21:00:05$/);
  assert.match(momentText(t, "ko", day), /2025년 11월 28일.* 21:00$/);
  assert.match(spanText(t, t + 2 * hour, "en"), /^28 Nov 2025.*21:00\s?–\s?23:00$/);
});

test("numbers of an axis", () => {
  assert.equal(axisNumber(21.5, 0.5), "21.5");
  assert.equal(axisNumber(0.30000000000000004, 0.1), "0.3");
  assert.equal(axisNumber(20, 10), "20");
  assert.equal(axisNumber(1012.5, 2.5), "1012.5");
  assert.equal(axisNumber(-1e-17, 0.1), "0.0");
  assert.equal(axisNumber(1234567, 1000), "1,234,567");
  assert.equal(axisNumber(0.00025, 0.00005), "0.00025");
});
