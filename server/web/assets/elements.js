/** Makes elements. Text goes in as text nodes only, so nothing from outside can become markup. */

/** An element with properties or attributes, and children that are nodes or strings. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that calls `act` when it is pressed. */
export function button(label, act, properties = {}) {
  const made = element("button", { type: "button", ...properties }, label);
  made.addEventListener("click", act);
  return made;
}

/** Says something to a screen reader, and to nobody else. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}
