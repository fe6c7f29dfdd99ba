// Moving a chart with the mouse, two fingers or the wheel. A gesture shows
// where it goes while it lasts and tells when it has ended.

/**
 * @param {HTMLElement} over  the area of the lines
 * @param {Object} o
 * @param {() => [number, number]} o.span         what is shown
 * @param {(from: number, to: number) => void} o.move  shows this, for now
 * @param {() => void} o.done                     what is shown is to stay
 * @returns {() => void} ends it
 */
export function gestures(over, { span, move, done }) {
  const fingers = new Map(); // pointerId to clientX
  let begin = null; // {span, places} when the gesture began
  let moved = false;
  let wheelEnd = 0;

  const places = () => [...fingers.values()].slice(0, 2).map((x) => x - over.getBoundingClientRect().left);
  const start = () => (begin = fingers.size === 0 ? null : { span: span(), places: places() });

  // The moments below the fingers stay below them.
  function follow() {
    const width = over.clientWidth;
    const [from, to] = begin.span;
    const before = begin.places;
    const after = places();
    const timeAt = (x) => from + ((to - from) * x) / width;
    let scale = (to - from) / width; // ms of a px
    if (before.length === 2 && after.length === 2) {
      const apart = Math.max(20, Math.abs(after[1] - after[0]));
      scale *= Math.max(20, Math.abs(before[1] - before[0])) / apart;
    }
    const middle = (list) => list.reduce((a, b) => a + b, 0) / list.length;
    const left = timeAt(middle(before)) - middle(after) * scale;
    move(left, left + scale * width);
  }

  function down(e) {
    if (e.pointerType === "mouse" && (e.button !== 0 || !e.shiftKey)) return;
    fingers.set(e.pointerId, e.clientX);
    over.setPointerCapture?.(e.pointerId);
    start();
  }
  function drag(e) {
    if (!fingers.has(e.pointerId) || !begin) return;
    fingers.set(e.pointerId, e.clientX);
    const far = Math.abs(places()[0] - begin.places[0]) > 4 || fingers.size > 1;
    if (far || moved) {
      moved = true;
      follow();
    }
  }
  function up(e) {
    if (!fingers.delete(e.pointerId)) return;
    start(); // what remains goes on from here
    if (fingers.size > 0 || !moved) return;
    moved = false;
    done();
  }
  function wheel(e) {
    if (!e.ctrlKey) return; // the page scrolls
    e.preventDefault();
    const [from, to] = span();
    const place = (e.clientX - over.getBoundingClientRect().left) / over.clientWidth;
    const factor = Math.exp(Math.max(-100, Math.min(100, e.deltaY)) * 0.004);
    const fixed = from + (to - from) * place;
    const length = (to - from) * factor;
    move(fixed - length * place, fixed + length * (1 - place));
    clearTimeout(wheelEnd);
    wheelEnd = setTimeout(done, 200);
  }
  const listeners = { pointerdown: down, pointermove: drag, pointerup: up, pointercancel: up };
  for (const [type, f] of Object.entries(listeners)) over.addEventListener(type, f);
  over.addEventListener("wheel", wheel, { passive: false });
  return () => {
    clearTimeout(wheelEnd);
    for (const [type, f] of Object.entries(listeners)) over.removeEventListener(type, f);
    over.removeEventListener("wheel", wheel);
  };
}
