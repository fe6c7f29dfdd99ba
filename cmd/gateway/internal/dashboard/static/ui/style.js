// Style sheets of what several pages share, loaded with it.
const loaded = new Map();

/** Loads a style sheet of static/ once; resolves when it applies, or cannot be had. */
export function style(file) {
  if (!loaded.has(file)) {
    loaded.set(file, new Promise((resolve) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = `static/${file}`;
      link.onload = link.onerror = resolve; // better without it than not at all
      document.head.append(link);
    }));
  }
  return loaded.get(file);
}
