/** What the reader thinks of an answer: a vote at once, and after "bad" what would have been better. */

import { announce, button, element } from "./elements.js";
import { Fault, request } from "./fault.js";

const REASONS = ["Wrong", "Incomplete", "Not in the sources", "Not what I asked"];
const LONGEST_CORRECTION = 16000;
const LONGEST_COMMENT = 4000;
const drawing = document.getElementById("thumb");
let made = 0;

/** The thumbs, and below them the form, which is empty until it is wanted; `null` where nobody can vote. */
export function voteOn(tandem) {
  return tandem?.feedback_token ? new VoteView(tandem) : null;
}

/** One vote on one answer; `thumbs` and `form` go into the page. */
class VoteView {
  #address;
  #token;
  #verdict = null;
  #up = thumb("Good answer", "up", () => this.#vote("up"));
  #down = thumb("Bad answer", "down", () => this.#vote("down"));
  #note = element("span", { className: "note" });

  constructor(tandem) {
    this.#address = `/api/traces/${encodeURIComponent(tandem.trace_id)}/feedback`;
    this.#token = tandem.feedback_token;
    const named = { className: "thumbs", role: "group", ariaLabel: "What do you think of this answer?" };
    this.thumbs = element("div", named, this.#note, this.#up, this.#down);
    this.form = element("div", { className: "better" });
  }

  async #vote(verdict) {
    const before = this.#verdict;
    if (verdict === before) {
      await this.#withdraw();
      return;
    }
    this.#show(verdict);
    if (!(await this.#send({ verdict }))) {
      this.#show(before);
      return;
    }
    this.#say("Noted");
    if (verdict === "up") this.form.replaceChildren();
    else this.#askWhy();
  }

  /** The same thumb again: as if nothing had been said. */
  async #withdraw() {
    const before = this.#verdict;
    this.#show(null);
    if (!(await this.#ask({ method: "DELETE", headers: { "Feedback-Token": this.#token } }))) {
      this.#show(before);
      return;
    }
    this.form.replaceChildren();
    this.#say("Taken back");
  }

  /** Send a verdict with what belongs to it. Gives whether it got through. */
  #send(said) {
    return this.#ask({
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ feedback_token: this.#token, ...said }),
    });
  }

  /** Gives whether the request got through, and says so where it did not. */
  async #ask(options) {
    try {
      await request(this.#address, options);
      return true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#say(`Not noted: ${error.message}`);
      return false;
    }
  }

  #show(verdict) {
    this.#verdict = verdict;
    this.#up.ariaPressed = `${verdict === "up"}`;
    this.#down.ariaPressed = `${verdict === "down"}`;
  }

  #say(text) {
    this.#note.textContent = text;
    announce(text);
  }

  #askWhy() {
    if (this.form.firstChild) return;
    made += 1;
    const reasons = REASONS.map((reason) => {
      const box = element("input", { type: "checkbox", value: reason });
      return element("label", { className: "reason" }, box, reason);
    });
    const better = area(`better-${made}`, LONGEST_CORRECTION);
    const comment = area(`comment-${made}`, LONGEST_COMMENT);
    const form = element(
      "form",
      { autocomplete: "off", ariaLabel: "What was wrong with this answer" },
      element("fieldset", {}, element("legend", {}, "What was wrong?"), ...reasons),
      element("label", { htmlFor: better.id }, "What should it have said?"),
      better,
      element("label", { htmlFor: comment.id }, "Anything else?"),
      comment,
      element(
        "p",
        { className: "actions" },
        element("button", { className: "main", type: "submit" }, "Send"),
        button("Not now", () => this.#close(), { className: "quiet" }),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sendForm(form, better.value, comment.value);
    });
    this.form.append(form);
  }

  async #sendForm(form, correction, comment) {
    const tags = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    const send = form.querySelector("button[type=submit]");
    send.disabled = true;
    const through = await this.#send({ verdict: "down", correction, comment, tags });
    send.disabled = false;
    if (!through) return;
    this.#close();
    this.#say("Noted, thank you");
  }

  #close() {
    this.form.replaceChildren();
    // What was in focus has gone; a keyboard goes on from the thumb.
    this.#down.focus();
  }
}

function thumb(label, way, act) {
  const icon = drawing.content.firstElementChild.cloneNode(true);
  icon.classList.add(way);
  const pressed = { className: "quiet", type: "button", ariaLabel: label, title: label, ariaPressed: "false" };
  const made = element("button", pressed, icon);
  made.addEventListener("click", act);
  return made;
}

function area(id, maxLength) {
  return element("textarea", { id, maxLength, rows: 2 });
}
