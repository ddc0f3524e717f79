// Times, durations and counts as a person reads them, and what is known of
// severities.

const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
const two = (n) => String(n).padStart(2, "0");

// clock is a time of day, with the date unless it is today's. In the browser's
// zone: it is compared with the clock on the wall.
export function clock(ms, withSeconds = true) {
  const d = new Date(ms);
  if (isNaN(d)) return "?";
  const time = two(d.getHours()) + ":" + two(d.getMinutes()) + (withSeconds ? ":" + two(d.getSeconds()) : "");
  return d.toDateString() === new Date().toDateString() ? time : date(ms) + " " + time;
}

// zone is how far the browser's clock is from UTC.
export function zone(ms) {
  const minutes = -new Date(ms).getTimezoneOffset(), far = Math.abs(minutes);
  if (!far) return "UTC";
  return "UTC" + (minutes < 0 ? "-" : "+") + Math.floor(far / 60) + (far % 60 ? ":" + two(far % 60) : "");
}

export function date(ms) {
  const d = new Date(ms);
  return (d.getFullYear() === new Date().getFullYear() ? "" : d.getFullYear() + "-") + two(d.getMonth() + 1) + "-" + two(d.getDate());
}

// precise is a time that can be compared with a log.
export const precise = (ms) => isNaN(ms) ? "" : new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");

// span is a duration in at most two units.
export function span(ms) {
  if (!isFinite(ms)) return "";
  const sign = ms < 0 ? "-" : "";
  ms = Math.abs(ms);
  if (ms < second) return sign + Math.round(ms) + "ms";
  if (ms < minute) return sign + Math.floor(ms / second) + "s";
  if (ms < hour) return sign + Math.floor(ms / minute) + "m" + pad(ms % minute / second, "s");
  if (ms < day) return sign + Math.floor(ms / hour) + "h" + pad(ms % hour / minute, "m");
  return sign + Math.floor(ms / day) + "d" + pad(ms % day / hour, "h");
}

function pad(n, unit) {
  n = Math.floor(n);
  return n ? " " + n + unit : "";
}

export function count(n) {
  if (n < 10000) return String(Math.round(n));
  const [size, unit] = n < 1e6 ? [1e3, "k"] : n < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return (n / size).toFixed(n / size < 100 ? 1 : 0) + unit;
}

export function bytes(n) {
  if (n < 1024) return n + " B";
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let i = -1;
  do { n /= 1024; i++; } while (n >= 1024 && i < units.length - 1);
  return n.toFixed(n < 10 ? 1 : 0) + " " + units[i];
}

// Severities have a colour and a shape, so that nobody needs the colour. Names
// that other people use for the same are ranked with them.
const ranks = {
  critical: ["critical", "page", "fatal", "emergency", "p1"],
  error: ["error", "high", "major", "p2"],
  warning: ["warning", "warn", "minor", "p3"],
  info: ["info", "notice", "low", "debug", "p4", "p5"],
};
const shapes = { critical: "▲", error: "■", warning: "◆", info: "●", none: "○", other: "✚" };
const order = ["critical", "error", "warning", "info", "other", "none"];

// rank returns the class of a severity: a key of shapes.
export function rank(severity) {
  if (!severity || severity === "none") return "none";
  const name = severity.toLowerCase();
  return Object.keys(ranks).find((r) => ranks[r].includes(name)) ?? "other";
}

export const shape = (severity) => shapes[rank(severity)];
export const bySeverity = (a, b) => order.indexOf(rank(a)) - order.indexOf(rank(b)) || (a < b ? -1 : a > b ? 1 : 0);

// Durations as the API takes them, and instants as an address holds them: an age
// such as 2h, RFC 3339, or Unix seconds.
const units = { s: second, m: minute, h: hour, d: day, w: 7 * day };

export function duration(text) {
  if (!/^(\d+(\.\d+)?[smhdw])+$/.test(text)) return NaN;
  let total = 0;
  for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) total += n * units[unit];
  return total;
}

export function instant(text, now = Date.now()) {
  if (!text) return NaN;
  const age = duration(text);
  if (!isNaN(age)) return now - age;
  return /^-?\d+(\.\d+)?$/.test(text) ? text * 1000 : Date.parse(text);
}

// stamp writes a time for an address: no more of it than it needs.
export const stamp = (ms) => new Date(ms).toISOString().replace(/\.000Z$/, "Z");

// further says in one line which alert it is, beyond its name.
export const further = (labels) => pairs(labels).filter((p) => !/^(alertname|severity)=/.test(p)).join("  ");
export const pairs = (labels) => Object.entries(labels).map(([name, value]) => name + "=" + value);
