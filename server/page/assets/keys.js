// The keyboard. A key that somebody types into a field is the field's.

import { $ } from "./dom.js";
import { get, go, present, views } from "./address.js";
import * as episodes from "./episodes.js";
import * as life from "./life.js";
import { zoomBy } from "./storm.js";

export function start() {
  $("show-help").addEventListener("click", help);
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || $("help").open) return;
    if (e.target.closest("input, textarea, select") && e.target.type !== "checkbox") {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    // Enter on a button or a link is its own.
    if (e.key === "Enter" && e.target.closest("button, a, summary")) return;
    const f = keys[e.key];
    if (!f) return;
    e.preventDefault();
    f();
  });
}

const listed = (f) => () => { if (get().view === "episodes") f(); };
const keys = {
  "/": () => { $("q").focus(); $("q").select(); },
  "?": help,
  j: listed(() => episodes.move(1)),
  k: listed(() => episodes.move(-1)),
  Enter: listed(episodes.open),
  Escape: () => { if (get().alert) { life.close(); episodes.focus(); } },
  t: present,
  "+": () => zoomBy(1 / 3),
  "=": () => zoomBy(1 / 3),
  "-": () => zoomBy(3),
};
views.forEach((view, i) => { keys[i + 1] = () => go({ view }); });

function help() { $("help").showModal(); }
