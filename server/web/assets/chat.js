/** The conversation: takes questions, asks them one at a time, and keeps what was said. */

import { AnswerView } from "./answer.js";
import { chosen, refreshChoices } from "./choices.js";
import { announce } from "./elements.js";
import { Fault } from "./fault.js";
import { takeFromAddress } from "./key.js";
import { onSignOut, showOut } from "./signin.js";
import { isOpen, openSource } from "./source.js";
import { ask } from "./stream.js";

const NEAR_END_PX = 80;

const [composer, question, send, stop, log, welcome, fresh] = [
  "composer", "question", "send", "stop", "log", "welcome", "new",
].map((id) => document.getElementById(id));

/** Every turn so far: `{question, answer, view}`; `answer` is null until there is one. */
let turns = [];
let running = null;

function begin(text) {
  turns.at(-1)?.view.settle();
  const turn = { question: text, answer: null, view: new AnswerView(text, openSource) };
  turns.push(turn);
  welcome.hidden = true;
  fresh.hidden = false;
  log.append(turn.view.node);
  turn.view.node.scrollIntoView({ block: "start" });
  run(turn);
}

/** Ask for one turn's answer. `last` is the message of the fault that this try follows. */
async function run(turn, last = null) {
  const abort = new AbortController();
  running = abort;
  showRunning(true);
  turn.view.begin();
  if (last === null) announce("Answering");
  try {
    for await (const chunk of ask(requestFor(turn), abort.signal)) turn.view.take(chunk, follow());
    const said = turn.view.finish(() => again(turn));
    turn.answer = turn.view.degraded ? null : turn.view.text;
    announce(said);
  } catch (error) {
    if (!turns.includes(turn)) return;
    if (abort.signal.aborted) {
      turn.view.stop(() => again(turn));
      turn.answer = turn.view.text || null;
      announce("Stopped");
      return;
    }
    const fault = error instanceof Fault ? error : new Fault({ message: "The page failed here" });
    turn.view.fail(fault, () => again(turn, fault.message), fault.message !== last);
    if (fault !== error) throw error;
  } finally {
    if (running === abort) {
      running = null;
      showRunning(false);
    }
  }
}

function again(turn, last = null) {
  turn.answer = null;
  turn.view.settle();
  run(turn, last);
}

/** The whole conversation up to this turn; what failed was never said. */
function requestFor(turn) {
  const said = turns.filter((earlier) => earlier !== turn && earlier.answer !== null);
  const messages = said.flatMap((earlier) => [
    { role: "user", content: earlier.question },
    { role: "assistant", content: earlier.answer },
  ]);
  messages.push({ role: "user", content: turn.question });
  return { ...chosen(), messages, stream: true };
}

/** Keep the end of the answer in view, but only for a reader who is there. */
function follow() {
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.clientHeight - page.scrollTop < NEAR_END_PX;
  return () => atEnd && page.scrollTo({ top: page.scrollHeight, behavior: "instant" });
}

function showRunning(yes) {
  const focused = document.activeElement;
  send.hidden = yes;
  stop.hidden = !yes;
  // A hidden button drops the focus, and a keyboard user with it.
  if (yes && focused === send) stop.focus();
  if (!yes && focused === stop) question.focus();
}

function startAfresh() {
  turns.at(-1)?.view.settle();
  turns = [];
  running?.abort();
  log.replaceChildren();
  welcome.hidden = false;
  fresh.hidden = true;
  question.focus();
  announce("New conversation");
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (running || !text) return;
  question.value = "";
  begin(text);
});

question.addEventListener("keydown", (event) => {
  // While an input method composes, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running && !isOpen()) running.abort();
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refreshChoices();
});

document.getElementById("examples").addEventListener("click", (event) => {
  const example = event.target.closest("button");
  if (!example || running) return;
  begin(example.textContent);
  question.focus({ preventScroll: true });
});

stop.addEventListener("click", () => running?.abort());
fresh.addEventListener("click", startAfresh);
// What one reader was told is not for the next.
onSignOut(() => {
  startAfresh();
  refreshChoices();
});
takeFromAddress();
showOut();
refreshChoices();
question.focus();
