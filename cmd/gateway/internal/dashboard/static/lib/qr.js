// QR codes, ISO/IEC 18004: bytes, error correction level M, versions 1 to 10: up to
// 213 bytes, which is enough for an address. Pure functions.

// Of each version at level M: error correction codewords of a block, and its data
// codewords by block; table 9 of the standard.
const blocks = [
  [10, [16]],
  [16, [28]],
  [26, [44]],
  [18, [32, 32]],
  [24, [43, 43]],
  [16, [27, 27, 27, 27]],
  [18, [31, 31, 31, 31]],
  [22, [38, 38, 39, 39]],
  [22, [36, 36, 36, 37, 37]],
  [26, [43, 43, 43, 43, 44]],
];

// Centres of alignment patterns, annex E.
const centres = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

// GF(256) by x⁸+x⁴+x³+x²+1.
const exp = new Uint8Array(512);
const log = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  exp[i] = exp[i + 255] = x;
  log[x] = i;
  x = (x << 1) ^ (x & 0x80 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? exp[log[a] + log[b]] : 0);

/** The error correction codewords of a block. */
export function correction(data, n) {
  let generator = [1];
  for (let i = 0; i < n; i++) {
    const next = [...generator, 0];
    generator.forEach((c, j) => (next[j + 1] ^= times(c, exp[i])));
    generator = next;
  }
  const rest = [...data, ...new Array(n).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const factor = rest[i];
    generator.forEach((c, j) => (rest[i + j] ^= times(c, factor)));
  }
  return rest.slice(data.length);
}

/** The data codewords of a version: mode, length, bytes, and padding. */
function codewords(bytes, version, room) {
  const bits = [];
  const put = (x, n) => {
    for (let i = n - 1; i >= 0; i--) bits.push((x >> i) & 1);
  };
  put(4, 4); // bytes
  put(bytes.length, version < 10 ? 8 : 16);
  for (const b of bytes) put(b, 8);
  put(0, Math.min(4, room * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const words = [];
  for (let i = 0; i < bits.length; i += 8) words.push(parseInt(bits.slice(i, i + 8).join(""), 2));
  for (let pad = 0xec; words.length < room; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

/** All codewords in their final order: those of the blocks by turns. */
function interleaved(words, [n, sizes]) {
  let at = 0;
  const data = sizes.map((size) => words.slice(at, (at += size)));
  const all = [];
  for (const part of [data, data.map((d) => correction(d, n))]) {
    for (let i = 0; i < Math.max(...part.map((p) => p.length)); i++) for (const p of part) if (i < p.length) all.push(p[i]);
  }
  return all;
}

/** A remainder by a generator of BCH, of x shifted by its degree. */
function bch(x, generator, degree) {
  let rest = x << degree;
  for (let i = 31 - Math.clz32(rest); i >= degree; i--) if ((rest >> i) & 1) rest ^= generator << (i - degree);
  return (x << degree) | rest;
}

const masks = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

/** The modules that are the same for all data of a version; null is free. */
function patterns(version) {
  const size = 17 + 4 * version;
  const m = Array.from({ length: size }, () => new Array(size).fill(null));
  const finder = (r0, c0) => {
    for (let r = -1; r <= 7; r++)
      for (let c = -1; c <= 7; c++) {
        if (m[r0 + r]?.[c0 + c] === undefined) continue;
        const ring = Math.max(Math.abs(r - 3), Math.abs(c - 3));
        m[r0 + r][c0 + c] = ring !== 2 && ring !== 4;
      }
  };
  finder(0, 0);
  finder(0, size - 7);
  finder(size - 7, 0);
  for (const r of centres[version - 1])
    for (const c of centres[version - 1]) {
      if (m[r][c] !== null) continue; // a finder is there
      for (let y = -2; y <= 2; y++) for (let x = -2; x <= 2; x++) m[r + y][c + x] = Math.max(Math.abs(x), Math.abs(y)) !== 1;
    }
  for (let i = 8; i < size - 8; i++) {
    m[6][i] ??= i % 2 === 0;
    m[i][6] ??= i % 2 === 0;
  }
  format(m, 0); // reserved
  if (version >= 7) {
    const bits = bch(version, 0x1f25, 12);
    for (let i = 0; i < 18; i++) {
      const [a, b] = [Math.floor(i / 3), size - 11 + (i % 3)];
      m[a][b] = m[b][a] = ((bits >> i) & 1) === 1;
    }
  }
  return m;
}

/** Writes the format: level M and the mask, twice. */
function format(m, mask) {
  const size = m.length;
  const bits = bch(mask, 0x537, 10) ^ 0x5412; // level M is 00
  for (let i = 0; i < 15; i++) {
    const on = ((bits >> i) & 1) === 1;
    m[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i][8] = on;
    m[8][i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i] = on;
  }
  m[size - 8][8] = true;
}

/** Puts the bits of codewords into the free modules, from the right in pairs of columns, up and down. */
function place(m, words, mask) {
  const size = m.length;
  let i = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let k = 0; k < size; k++) {
      const r = up ? size - 1 - k : k;
      for (const c of [right, right - 1]) {
        if (m[r][c] !== null) continue;
        const bit = i < words.length * 8 ? (words[i >> 3] >> (7 - (i & 7))) & 1 : 0;
        i++;
        m[r][c] = (bit === 1) !== mask(r, c);
      }
    }
  }
}

/** How bad a symbol is to read, 7.8.3 of the standard. */
export function penalty(m) {
  const size = m.length;
  let n = 0;
  let dark = 0;
  for (const at of [(a, b) => m[a][b], (a, b) => m[b][a]]) {
    for (let a = 0; a < size; a++) {
      let run = 0;
      let bits = 0;
      for (let b = 0; b < size; b++) {
        run = b > 0 && at(a, b) === at(a, b - 1) ? run + 1 : 1;
        if (run === 5) n += 3;
        if (run > 5) n++;
        bits = ((bits << 1) | (at(a, b) ? 1 : 0)) & 0x7ff;
        if (b >= 10 && (bits === 0x5d0 || bits === 0x05d)) n += 40;
      }
    }
  }
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) {
      if (m[r][c]) dark++;
      if (r > 0 && c > 0 && m[r][c] === m[r - 1][c] && m[r][c] === m[r][c - 1] && m[r][c] === m[r - 1][c - 1]) n += 3;
    }
  return n + 10 * Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size));
}

/**
 * The modules of a QR code for a text, rows of booleans, true is dark. null if it
 * is too long. mask is for tests; without it the one that is read best.
 */
export function qr(text, mask = null) {
  const bytes = new TextEncoder().encode(text);
  const index = blocks.findIndex(([, sizes], i) => bytes.length + (i < 9 ? 2 : 3) <= sizes.reduce((a, b) => a + b));
  if (index < 0) return null;
  const words = interleaved(codewords(bytes, index + 1, blocks[index][1].reduce((a, b) => a + b)), blocks[index]);
  const draw = (k) => {
    const m = patterns(index + 1);
    place(m, words, masks[k]);
    format(m, k);
    return m;
  };
  if (mask !== null) return draw(mask);
  const all = masks.map((_, k) => draw(k));
  const bad = all.map(penalty);
  return all[bad.indexOf(Math.min(...bad))];
}
