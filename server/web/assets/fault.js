/** What goes wrong between the page and the server, in words for the reader. */

import { withKey } from "./key.js";
import { signIn } from "./signin.js";

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

/** `fetch` with the reader's key, which is asked for where the server wants another one. Throws a `Fault` for every
 * response that is not 2xx, and an `AbortError` when aborted. */
export async function request(path, options = {}) {
  for (;;) {
    const response = await fetched(path, options);
    if (response.ok) return response;
    if (response.status !== 401 || !(await signIn())) throw await faultOf(response);
    options.signal?.throwIfAborted();
  }
}

async function fetched(path, options) {
  try {
    return await fetch(path, { ...options, headers: withKey(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault({ message: "Tandem cannot be reached", hint: "See whether it is still running." });
  }
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
