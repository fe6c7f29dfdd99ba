import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { correction, penalty, qr } from "../static/lib/qr.js";

const rows = (m) => m.map((r) => r.map((on) => (on ? "1" : "0")).join("")).join("\n");
const sum = (m) => createHash("sha256").update(rows(m)).digest("hex").slice(0, 16);

// What github.com/skip2/go-qrcode v0.0.0-20200617195104-da1b6568686e makes of the
// same bytes at level M, with the mask that it chose: each version, as full as it
// can be, and addresses.
const vectors = [
  ["aB9/", 14, 1, "a0a09e43a22e54e4"],
  ["aB9/", 26, 0, "9de8e492fbda254b"],
  ["aB9/", 42, 3, "8a864cb0e74a133d"],
  ["aB9/", 62, 3, "42c8870943c0267e"],
  ["aB9/", 84, 1, "bc57d92e79560ad3"],
  ["aB9/", 106, 2, "b23d852133e60eac"],
  ["aB9/", 122, 2, "1bf175f31fee62c3"],
  ["aB9/", 152, 1, "b48ce341f4fc8a3a"],
  ["aB9/", 180, 3, "7669bdff64666bc7"],
  ["aB9/", 213, 2, "51d9fca651b7890a"],
  ["http://greenhouse.local:8080/", 29, 3, "845822cafbf75bc5"],
  ["https://gateway.example.org/house/kitchen/?kiosk=1", 50, 2, "994dcb9386fc61b9"],
  ["안녕하세요", 5, 3, "213386e904dbfd88"],
];

test("as another encoder does it", () => {
  for (const [text, n, mask, want] of vectors) assert.equal(sum(qr(text.repeat(60).slice(0, n), mask)), want, `${text} ${n}`);
});

test("error correction of the standard's example, annex I", () => {
  const data = [0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11];
  assert.deepEqual(correction(data, 10), [0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]);
});

test("the mask that is read best", () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => penalty(qr("http://pi:8080", k)));
  assert.equal(penalty(qr("http://pi:8080")), Math.min(...all));
});

test("too long", () => assert.equal(qr("x".repeat(214)), null));
