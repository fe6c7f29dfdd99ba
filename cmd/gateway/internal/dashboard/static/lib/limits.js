// Which thresholds of alerts are about which series. Pure functions.

// The topics and the key that a rule is about: the key begins at the first '#'
// that is no wildcard, which stands alone in its level. "home/##temperature" is
// about every temperature below home.
function split(value) {
  const i = value.indexOf("#");
  if (i < 0) return [value, ""];
  const rest = value.slice(i + 1);
  const alone = i === 0 || value[i - 1] === "/";
  return alone && (rest === "" || rest[0] === "#") ? [value.slice(0, i + 1), rest.slice(1)] : [value.slice(0, i), rest];
}

/** Whether a topic matches a filter with the wildcards of MQTT. */
export function matchesFilter(filter, topic) {
  const want = filter.split("/");
  const levels = topic.split("/");
  if (/^[+#]/.test(filter) && topic.startsWith("$")) return false;
  for (let i = 0; i < want.length; i++) {
    if (want[i] === "#") return true;
    if (i >= levels.length || (want[i] !== "+" && want[i] !== levels[i])) return false;
  }
  return want.length === levels.length;
}

/** Whether a rule's value, "home/+/climate#temperature", means a series. */
export function means(value, series) {
  const [filter, key] = split(value);
  const i = series.indexOf("#");
  const [topic, of] = i < 0 ? [series, ""] : [series.slice(0, i), series.slice(i + 1)];
  return key === of && matchesFilter(filter, topic);
}

/**
 * The thresholds of rules, as /api/v1/alerts has them, for some series.
 * @returns {Array<{series: string, value: number, text: string}>}
 */
export function limitsFor(rules, series) {
  return series.flatMap((s) =>
    rules.filter((r) => r.enabled !== false && means(r.value, s)).flatMap((r) =>
      [["above", ">"], ["below", "<"]].filter(([k]) => typeof r[k] === "number").map(([k, sign]) => ({ series: s, value: r[k], text: `${r.name} ${sign} ${r[k]}` }))));
}
