// The reading API (docs/api.md): questions, the errors that it answers with, and
// the stream.

// Relative, so that the page also works below a prefix of a proxy.
const base = new URL("api/v1/", document.baseURI);

// ApiError is one line that says what went wrong.
export class ApiError extends Error {
  constructor(line, status) {
    super(line);
    this.status = status;
  }

  // passing tells what may be gone at the next try from what stays wrong until
  // the question is another.
  get passing() { return !this.status || this.status >= 500; }
}

export function url(path, params = {}) {
  const u = new URL(path, base);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") u.searchParams.append(name, value);
  }
  return u;
}

// ask returns what the API answers. It gives up after 30 s: a connection that has
// died on the way says nothing.
export async function ask(path, params, signal) {
  const patience = AbortSignal.timeout(30e3);
  let response, text;
  try {
    response = await fetch(url(path, params), {
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      headers: { Accept: "application/json" },
    });
    text = await response.text();
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ApiError(patience.aborted ? "stormdrain has not answered within 30 s" : "stormdrain cannot be reached");
  }
  if (!response.ok) throw refused(response, text);
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("stormdrain answered with something that is not JSON");
  }
}

// refused is what an answer says that is none. Who has loaded the page and is not
// let in any more is asked by the browser, and not by us.
function refused({ status }, text) {
  const line = text.split("\n", 1)[0].trim().slice(0, 400) || "stormdrain answered " + status;
  return new ApiError(status === 401 ? "stormdrain wants credentials, load this page again to give them; " + line : line, status);
}

// refusal tells why a stream cannot be had, which an EventSource does not say; null
// when it can.
export async function refusal(path, params) {
  const enough = new AbortController();
  try {
    const response = await fetch(url(path, params), { signal: AbortSignal.any([enough.signal, AbortSignal.timeout(30e3)]) });
    return response.ok ? null : refused(response, await response.text());
  } catch {
    return new ApiError("stormdrain cannot be reached");
  } finally {
    enough.abort();
  }
}

// Latest runs questions of which only the last one counts: a new one aborts the
// one before it, whose answer nobody waits for any more.
export class Latest {
  #controller = null;

  stop() {
    this.#controller?.abort();
    this.#controller = null;
  }

  // ask returns undefined when another question has taken the place of this one.
  async ask(path, params) {
    this.stop();
    const mine = this.#controller = new AbortController();
    try {
      const answer = await ask(path, params, mine.signal);
      return mine.signal.aborted ? undefined : answer;
    } catch (err) {
      if (mine.signal.aborted) return undefined;
      throw err;
    } finally {
      if (this.#controller === mine) this.#controller = null;
    }
  }
}
