// The pages there are. Each is a module, words and perhaps a style sheet of its
// own, loaded when it is opened for the first time.
import { load } from "./i18n.js";

/**
 * By name: the icon in the navigation, if it is there, and whether it has a style
 * sheet. One that is open to everybody comes before the login.
 */
export const pages = {
  home: { icon: "home", nav: true, css: false },
  charts: { icon: "chart", nav: true, css: true },
  explorer: { icon: "tree", nav: true, css: true },
  sensors: { icon: "chip", nav: true, css: true },
  system: { icon: "pulse", nav: true, css: true },
  settings: { icon: "gear", nav: true, css: true },
  sensor: { css: true },
  alerts: { css: true },
  connect: { css: true },
  setup: { css: true, open: true },
  login: { css: true, open: true },
};

const modules = new Map();

/** Loads a page and all it needs; rejects if the line is down, and tries again when asked again. */
export function page(name) {
  if (!Object.hasOwn(pages, name)) return Promise.reject(new Error("no such page"));
  if (!modules.has(name)) {
    const all = Promise.all([import(`./pages/${name}.js`), load(name), pages[name].css && style(name)]).then(([m]) => m.default);
    all.catch(() => modules.delete(name));
    modules.set(name, all);
  }
  return modules.get(name);
}

function style(name) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = `static/pages/${name}.css`;
    link.onload = link.onerror = resolve; // better without it than not at all
    document.head.append(link);
  });
}
