/** What an answer shows in place of text, or below it: a fault, an abstention, a stop. */

import { announce, button, element } from "./elements.js";

/** A fault with its hint, and a way to try again; after a 503 it counts down and tries by itself. */
export class FaultNotice {
  /** `loud` is false for a repetition of what has been said. */
  constructor(fault, retry, loud) {
    const message = element("p", { className: "message" }, fault.message);
    const hint = fault.hint ? element("p", { className: "hint" }, fault.hint) : null;
    this.#words = element("div", loud ? { role: "alert" } : {}, message, hint);
    this.#retry = retry;
    this.#actions = element("p", { className: "actions" });
    // What passes by itself is no alarm to the eye.
    const looks = fault.retryAfter === null ? "fault" : "fault passing";
    this.node = element("div", { className: looks }, this.#words, this.#actions);
    if (fault.retryAfter === null) this.#offer("Try again");
    else this.#count(fault.retryAfter, loud);
  }

  #words;
  #retry;
  #actions;
  #timer = null;
  #countdown = null;

  /** No more tries: the conversation has gone on. */
  settle() {
    this.#stopCounting();
    this.#actions.remove();
  }

  #stopCounting() {
    clearInterval(this.#timer);
    this.#countdown?.remove();
  }

  #offer(label) {
    this.#actions.replaceChildren(button(label, () => this.#again(), { className: "quiet" }));
  }

  #again() {
    this.settle();
    this.#retry();
  }

  #count(seconds, loud) {
    let left = seconds;
    // The seconds are for the eye; a screen reader hears the first number only.
    const shown = element("p", { className: "countdown", ariaHidden: "true" });
    const tick = () => (shown.textContent = `Trying again in ${left} s`);
    tick();
    if (loud) announce(`Trying again in ${left} seconds`);
    this.#offer("Try again now");
    const wait = button("Do not wait", () => this.#giveUp(), { className: "quiet" });
    this.#actions.append(wait);
    this.#actions.before(shown);
    this.#countdown = shown;
    this.#timer = setInterval(() => {
      left -= 1;
      if (left > 0) tick();
      else this.#again();
    }, 1000);
  }

  #giveUp() {
    this.#stopCounting();
    this.#offer("Try again");
    this.#actions.firstElementChild.focus();
  }
}

/** The calm note of an answer that no passage supports. */
export function abstention(text) {
  return element(
    "div",
    { className: "abstention" },
    element("p", { className: "message" }, "No passage supports an answer"),
    element("p", {}, text),
    element("p", { className: "hint" }, "Try other words, or another corpus."),
  );
}

const WHY = {
  starting: "The language model is still starting.",
  restarting: "The language model is being started again.",
  overloaded: "The language model has too much to do just now.",
  switched: "Answers are switched off for the moment.",
};

/** The calm note above passages that stand in for an answer. */
export function unwritten(reason) {
  const why = WHY[reason] ?? "The language model is not available just now.";
  return element(
    "div",
    { className: "abstention" },
    element("p", { className: "message" }, "The answer could not be written"),
    element("p", {}, `${why} These passages of your documents fit the question best.`),
  );
}
