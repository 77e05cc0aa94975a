/** One question and its answer on the page. */

import { announce, button, element } from "./elements.js";
import { voteOn } from "./feedback.js";
import { show } from "./markdown.js";
import { abstention, FaultNotice, unwritten } from "./notice.js";
import { howAnswered, markButton, nameOf, sourceList } from "./sources.js";

const LONG_QUESTION = 160;
const COPIED_MS = 2000;

const plainMark = (n) => element("sup", { className: "pending" }, `${n}`);

/** Draws one turn of the conversation; `node` goes into the log, `text` is the answer so far. */
export class AnswerView {
  #body = element("div", { className: "answer" });
  #end = element("div", { className: "end" });
  #openSource;
  #frame = 0;
  #tandem = null;
  #cut = false;
  #notice = null;

  constructor(question, openSource) {
    this.#openSource = openSource;
    this.text = "";
    const size = question.length > LONG_QUESTION ? "question long" : "question";
    this.node = element(
      "article",
      { className: "turn" },
      element("h2", { className: size }, question),
      this.#body,
      this.#end,
    );
  }

  /** Wait for text. The log must not read out the pieces, so the turn is silent until it is whole. */
  begin() {
    this.text = "";
    this.#tandem = null;
    this.#cut = false;
    this.node.ariaBusy = "true";
    this.node.ariaLive = "off";
    this.#body.replaceChildren();
    this.#end.replaceChildren(
      element("p", { className: "working" }, element("span", {}), "Looking for an answer"),
    );
  }

  /** Take one chunk of the stream; it is drawn with the next frame, and `drawn` is called after it. */
  take(chunk, drawn) {
    const [choice] = chunk.choices ?? [];
    if (choice?.finish_reason === "length") this.#cut = true;
    if (chunk.tandem) this.#tandem = chunk.tandem;
    if (!choice?.delta?.content) return;
    this.text += choice.delta.content;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#end.firstElementChild?.lastChild.replaceWith("Answering");
      show(this.#body, this.text, plainMark);
      drawn();
    });
  }

  /** Whether passages stand in for an answer that could not be written. */
  get degraded() {
    return this.#tandem?.degraded === true;
  }

  /** The answer is whole. Gives what to announce; `retry` asks again where passages stand in for it. */
  finish(retry) {
    const tandem = this.#tandem;
    const citations = tandem?.citations ?? [];
    this.#rest();
    if (this.degraded) return this.#finishDegraded(citations, retry);
    if (tandem?.abstained) {
      this.#body.append(abstention(this.text));
    } else {
      const marks = new Map(citations.map((citation) => [citation.n, citation]));
      const markOf = (n) => (marks.has(n) ? markButton(marks.get(n), this.#openSource) : null);
      show(this.#body, this.text, markOf);
    }
    if (this.#cut) this.#end.append(note("The answer reached its longest length and ends here."));
    if (citations.length > 0) this.#end.append(sourceList(citations, this.#openSource));
    const vote = voteOn(tandem);
    this.#end.append(this.#foot(citations, vote));
    if (vote) this.#end.append(vote.form);
    if (tandem?.abstained) return "No passage supports an answer";
    return `Answer complete, ${citations.length} ${citations.length === 1 ? "citation" : "citations"}`;
  }

  /** The words of the passages are on the cards of the sources; the note alone says what has happened. */
  #finishDegraded(citations, retry) {
    this.#body.append(unwritten(this.#tandem.degraded_reason));
    const again = button("Ask again", retry, { className: "quiet" });
    this.#notice = { settle: () => again.remove() };
    this.#end.append(sourceList(citations, this.#openSource, "Best passages"));
    this.#end.append(element("p", { className: "actions" }, again), this.#foot(citations));
    return `The answer could not be written, ${citations.length} passages found`;
  }

  /** The reader has stopped it; what came so far stays. */
  stop(retry) {
    this.#rest();
    show(this.#body, this.text, plainMark);
    const again = button("Ask again", retry, { className: "quiet" });
    this.#notice = { settle: () => again.remove() };
    this.#end.append(element("p", { className: "actions" }, note("Stopped"), again));
  }

  /** It failed; what came so far stays above the fault. */
  fail(fault, retry, loud) {
    this.#rest();
    show(this.#body, this.text, plainMark);
    this.#notice = new FaultNotice(fault, retry, loud);
    this.#end.append(this.#notice.node);
  }

  /** The conversation goes on elsewhere: offer no more tries here. */
  settle() {
    this.#notice?.settle();
    this.#notice = null;
  }

  #rest() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.node.ariaBusy = null;
    this.node.ariaLive = null;
    this.#body.replaceChildren();
    this.#end.replaceChildren();
  }

  #foot(citations, vote) {
    const sources = citations.map((citation) => `[${citation.n}] ${nameOf(citation)}`);
    const text = [this.text, sources.join("\n")].filter((part) => part).join("\n\n");
    return element(
      "div",
      { className: "foot" },
      this.#tandem ? howAnswered(this.#tandem) : null,
      element(
        "div",
        { className: "after" },
        vote?.thumbs ?? null,
        // Browsers offer the clipboard to secure pages only; 127.0.0.1 is one, a plain remote host is not.
        navigator.clipboard ? copyButton(text) : null,
      ),
    );
  }
}

function note(text) {
  return element("span", { className: "note" }, text);
}

function copyButton(text) {
  const made = button("Copy answer", async () => {
    await navigator.clipboard.writeText(text);
    made.textContent = "Copied";
    announce("Answer copied");
    setTimeout(() => (made.textContent = "Copy answer"), COPIED_MS);
  }, { className: "quiet" });
  return made;
}
