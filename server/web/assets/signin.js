/** The panel that asks for a key, where the server wants one. */

import { announce } from "./elements.js";
import { forget, keep, kept, withKey } from "./key.js";

const panel = document.getElementById("sign-in");
const form = document.getElementById("sign-in-form");
const field = document.getElementById("key");
const wrong = document.getElementById("key-wrong");
const out = document.getElementById("sign-out");

let asking = null;

/** Resolves to true once there is a key that the server takes, to false if the reader has none. */
export function signIn() {
  asking ??= new Promise((resolve) => {
    // A key that was refused is of no more use.
    forget();
    showOut();
    say("");
    panel.addEventListener("close", () => {
      asking = null;
      resolve(kept() !== null);
    }, { once: true });
    panel.showModal();
    field.focus();
  });
  return asking;
}

/** Calls `after` when the reader signs out. */
export function onSignOut(after) {
  out.addEventListener("click", () => {
    forget();
    showOut();
    announce("Signed out");
    after();
  });
}

/** Offer to sign out to whoever is signed in. */
export function showOut() {
  out.hidden = kept() === null;
}

function say(text) {
  wrong.textContent = text;
  wrong.hidden = !text;
  field.toggleAttribute("aria-invalid", Boolean(text));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = field.value.trim();
  if (!key) return;
  const problem = await tried(key);
  if (problem) {
    say(problem);
    field.select();
    return;
  }
  keep(key);
  field.value = "";
  showOut();
  announce("Signed in");
  panel.close();
});

document.getElementById("sign-in-later").addEventListener("click", () => panel.close());
panel.addEventListener("close", () => (field.value = ""));

/** What is wrong with the key, or nothing. */
async function tried(key) {
  // Headers take Latin letters alone; a key has no others.
  if (!/^[\x21-\x7e]+$/.test(key)) return "This is not a key.";
  let response;
  try {
    response = await fetch("/v1/models", { headers: withKey({}, key) });
  } catch {
    return "Tandem cannot be reached. See whether it is still running.";
  }
  if (response.status === 401) return "Tandem does not know this key, or it holds no longer.";
  if (response.status === 403) return "This key does not allow asking questions.";
  return "";
}
