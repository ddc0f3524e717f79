// What went wrong, in one line, with a way on. What may pass is tried again by
// itself.

import { h } from "./dom.js";

const pauses = [1e3, 2e3, 4e3, 8e3, 15e3];

export class Trouble {
  #element; #what; #retry; #timer; #tries = 0; #error = null;

  // what says which part of the page it is about; retry asks again.
  constructor(element, what, retry) {
    this.#element = element;
    this.#what = what;
    this.#retry = retry;
  }

  get passing() { return this.#error !== null && this.#error.passing !== false; }

  show(err) {
    this.#error = err;
    clearTimeout(this.#timer);
    this.#element.replaceChildren(this.#what + ": " + err.message + " ",
      h("button", { type: "button", onclick: () => this.again() }, "Retry"));
    this.#element.hidden = false;
    if (!this.passing) return;
    const pause = pauses[Math.min(this.#tries++, pauses.length - 1)];
    this.#timer = setTimeout(() => this.again(), pause);
  }

  // again does not wait any longer.
  again() {
    clearTimeout(this.#timer);
    this.#retry();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#error = null;
    this.#element.hidden = true;
  }
}
