/** Asks a question and reads the answer as server-sent events. */

import { brokenOff, Fault, request } from "./fault.js";

/** Yields the chunks of one answer. Throws a `Fault`, also for an error in mid-stream; aborts with `signal`. */
export async function* ask(body, signal) {
  const response = await request("/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  for await (const text of events(response.body)) {
    if (text === "[DONE]") return;
    const chunk = JSON.parse(text);
    if (chunk.error) throw new Fault(chunk.error);
    yield chunk;
  }
  throw brokenOff();
}

/** The texts of the events in a stream of bytes; one that its end cuts off is dropped. */
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  let lines = [];
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) return;
      const parts = (held + value).split("\n");
      held = parts.pop();
      for (const part of parts) {
        const line = part.replace(/\r$/, "");
        if (line.startsWith("data:")) {
          lines.push(line.slice(5).replace(/^ /, ""));
        } else if (line === "" && lines.length > 0) {
          yield lines.join("\n");
          lines = [];
        }
      }
    }
  } finally {
    // Also reached when the reader of the events leaves early; the server then stops its engine.
    await reader.cancel().catch(() => {});
  }
}

async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw brokenOff();
  }
}
