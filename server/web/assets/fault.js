/** What goes wrong between the page and the server, in words for the reader. */

const RETRY_AFTER_S = 5;

/** An error with a hint; `retryAfter` is in seconds, or null where trying again by itself is no help. */
export class Fault extends Error {
  constructor({ message, hint = "" }, retryAfter = null) {
    super(message);
    this.hint = hint;
    this.retryAfter = retryAfter;
  }
}

/** The stream ended before the answer did. */
export function brokenOff() {
  return new Fault({ message: "The answer broke off", hint: "See whether Tandem is still running." });
}

/** `fetch` that throws a `Fault` for every response that is not 2xx, and an `AbortError` when aborted. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault({ message: "Tandem cannot be reached", hint: "See whether it is still running." });
  }
  if (!response.ok) throw await faultOf(response);
  return response;
}

async function faultOf(response) {
  let error = null;
  try {
    ({ error } = await response.json());
  } catch (unreadable) {
    if (unreadable.name === "AbortError") throw unreadable;
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  const retryAfter = response.status === 503 ? Math.max(1, seconds || RETRY_AFTER_S) : null;
  return new Fault(error ?? { message: `The server answered with status ${response.status}` }, retryAfter);
}
