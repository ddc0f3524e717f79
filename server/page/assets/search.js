// The search box: matchers, with names and values of labels as one types.

import { $, h, later } from "./dom.js";
import { get, go } from "./address.js";
import { Latest } from "./api.js";
import { insert, place } from "./complete.js";

const input = $("q"), list = $("completions");
const questions = new Latest();
let where = null;   // the place that completions are for
let values = [];    // the completions
let active = -1;    // the one that Enter takes

export function start() {
  input.value = get().q;
  input.addEventListener("input", ask);
  input.addEventListener("click", ask);
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", () => close());
  // Before the blur, which would close the list under the pointer.
  list.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    const item = e.target.closest("[role=option]");
    if (item) take([...list.children].indexOf(item));
  });
  $("search").addEventListener("submit", (e) => { e.preventDefault(); apply(); });
}

// show follows the address, unless someone is typing.
export function show(state) {
  if (document.activeElement !== input || !state.q) input.value = state.q;
}

// complain shows what the API says of the matchers; null: nothing.
export function complain(err) {
  const line = $("search-error");
  line.hidden = !err;
  line.textContent = err ? err.message : "";
  input.setAttribute("aria-invalid", err ? "true" : "false");
}

function apply() {
  close();
  go({ q: input.value.trim() });
}

const ask = later(80, async () => {
  if (document.activeElement !== input) return;
  const here = place(input.value, input.selectionStart);
  if (!here) return close();
  const path = here.name ? "label/" + encodeURIComponent(here.name) + "/values" : "labels";
  let answer;
  try {
    answer = await questions.ask(path, { prefix: here.prefix, limit: 50 });
  } catch {
    return close(); // completion is a convenience; the search itself says what is wrong
  }
  if (!answer || document.activeElement !== input) return;
  values = answer.data.filter((v) => v !== here.prefix || !here.name);
  if (!values.length) return close();
  where = here;
  active = -1;
  list.replaceChildren(...values.map((v, i) => h("li", { role: "option", id: "completion-" + i, "aria-selected": "false" }, v)));
  list.hidden = false;
  list.scrollTop = 0;
  input.setAttribute("aria-expanded", "true");
  input.removeAttribute("aria-activedescendant");
});

function close() {
  questions.stop();
  where = null;
  active = -1;
  list.hidden = true;
  list.replaceChildren();
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function take(i) {
  const { text, caret } = insert(input.value, where, values[i]);
  const wasName = !where.name;
  close();
  input.value = text;
  input.setSelectionRange(caret, caret);
  if (wasName) ask(); // its values are what one wants next
}

function move(step) {
  const items = list.children;
  items[active]?.setAttribute("aria-selected", "false");
  active = (active + step + items.length) % items.length;
  items[active].setAttribute("aria-selected", "true");
  items[active].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", items[active].id);
}

function onKey(e) {
  const opened = !list.hidden;
  if (opened && e.key === "ArrowDown") move(1);
  else if (opened && e.key === "ArrowUp") move(active < 0 ? 0 : -1);
  else if (opened && (e.key === "Tab" || e.key === "Enter") && active >= 0) take(active);
  else if (opened && e.key === "Tab" && !e.shiftKey) take(0);
  else if (e.key === "ArrowDown") ask();
  else if (e.key === "Enter") apply();
  else if (e.key === "Escape") opened ? close() : input.blur();
  else return;
  e.preventDefault();
  e.stopPropagation();
}
