// A chart as a picture: what is on the screen, with a title, the times, and
// what the lines are, so that it says all of that wherever it goes.

const pad = 16;
const row = 20;

/**
 * @param {Object} o
 * @param {string} o.title
 * @param {string} o.span        from when to when
 * @param {HTMLCanvasElement[]} o.canvases   from top to bottom, as they are drawn
 * @param {Array<{colour: string, dash: number[], text: string}>} o.lines
 * @param {(name: string) => string} o.colour   of the page
 * @returns {Promise<Blob>} image/png
 */
export function picture({ title, span, canvases, lines, colour }) {
  const scale = devicePixelRatio || 1;
  const width = Math.max(...canvases.map((c) => c.width)) / scale + 2 * pad;
  const charts = canvases.reduce((sum, c) => sum + c.height / scale, 0);
  const canvas = document.createElement("canvas");
  const height = pad + 2 * row + charts + lines.length * row + 2 * pad;
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const ctx = canvas.getContext("2d");
  ctx.scale(scale, scale);
  ctx.fillStyle = colour("--card");
  ctx.fillRect(0, 0, width, height);
  const family = getComputedStyle(document.body).fontFamily;
  ctx.textBaseline = "middle";
  let y = pad + row / 2;
  const say = (text, font, fill, x = pad) => {
    ctx.font = `${font} ${family}`;
    ctx.fillStyle = fill;
    ctx.fillText(text, x, y, width - x - pad);
  };
  say(title, "600 15px", colour("--text"));
  y += row;
  say(span, "13px", colour("--soft"));
  y += row / 2 + 4;
  for (const c of canvases) {
    ctx.drawImage(c, pad, y, c.width / scale, c.height / scale);
    y += c.height / scale;
  }
  y += pad / 2 + row / 2;
  for (const l of lines) {
    ctx.strokeStyle = colour(l.colour);
    ctx.lineWidth = 2.5;
    ctx.setLineDash(l.dash);
    ctx.beginPath();
    ctx.moveTo(pad, y);
    ctx.lineTo(pad + 30, y);
    ctx.stroke();
    say(l.text, "13px", colour("--text"), pad + 40);
    y += row;
  }
  return new Promise((resolve, reject) => canvas.toBlob((b) => (b ? resolve(b) : reject(new Error("canvas"))), "image/png"));
}
