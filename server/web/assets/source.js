/** The panel that shows a cited document, at the cited place. */

import { button, element } from "./elements.js";
import { Fault, request } from "./fault.js";
import { cut, locate, nodesFor, unitOffsets, WINDOW } from "./passage.js";
import { placeOf } from "./sources.js";

const panel = document.getElementById("source");
const region = document.getElementById("source-text");
let loading = null;

document.getElementById("source-close").addEventListener("click", () => panel.close());
panel.addEventListener("close", () => {
  loading?.abort();
  region.replaceChildren();
});
panel.addEventListener("click", (event) => {
  // The panel fills its own box, so a click on the dialog itself came from the backdrop.
  if (event.target === panel) panel.close();
});

/** Whether the panel is in front. */
export function isOpen() {
  return panel.open;
}

/** Open the panel for a citation. The browser traps the focus in it and gives it back at the end. */
export function openSource(citation) {
  document.getElementById("source-title").textContent = citation.title || citation.uri;
  document.getElementById("source-place").textContent = [
    `Source ${citation.n}`,
    citation.corpus,
    placeOf(citation),
  ]
    .filter((part) => part)
    .join(" · ");
  document.getElementById("source-uri").replaceChildren(address(citation.uri));
  panel.showModal();
  region.focus({ preventScroll: true });
  load(citation);
}

async function load(citation) {
  loading = new AbortController();
  const { signal } = loading;
  region.replaceChildren(element("p", { className: "aside" }, "Opening the document"));
  const path = `/api/corpora/${encodeURIComponent(citation.corpus)}/documents/${citation.document_id}`;
  try {
    const response = await request(path, { signal });
    draw(await response.json(), citation);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Fault)) throw error;
    region.replaceChildren(faultOf(error, citation));
    region.focus({ preventScroll: true });
  }
}

function draw(found, citation) {
  const units = unitOffsets(found.text, found.pages.map((page) => page.start));
  const pages = found.pages.map((page, place) => ({ number: page.number, unit: units[place] }));
  const span = locate(found, citation);
  const middle = span ? (span[0] + span[1]) / 2 : 0;
  const half = Math.max(WINDOW / 2, span ? (span[1] - span[0]) / 2 : 0);
  let from = cut(found.text, Math.floor(middle - half));
  let to = cut(found.text, Math.ceil(middle + half));
  const body = element("div", { className: "body" });
  const between = (start, end) => nodesFor(found.text, pages, span, start, end);

  const earlier = button("Show earlier text", () => {
    const start = cut(found.text, from - WINDOW);
    const below = region.scrollHeight - region.scrollTop;
    body.prepend(...between(start, from));
    from = start;
    earlier.hidden = from === 0;
    region.scrollTop = region.scrollHeight - below;
    if (earlier.hidden) region.focus({ preventScroll: true });
  }, { className: "quiet more", hidden: from === 0 });
  const later = button("Show later text", () => {
    const end = cut(found.text, to + WINDOW);
    body.append(...between(to, end));
    to = end;
    later.hidden = to === found.text.length;
    if (later.hidden) region.focus({ preventScroll: true });
  }, { className: "quiet more", hidden: to === found.text.length });

  body.append(...between(from, to));
  const changed = span ? null : element("p", { className: "aside" }, "The document has changed since " +
    "this answer: the cited words are no longer in it.");
  region.replaceChildren(...[changed, earlier, body, later].filter((node) => node));
  const mark = body.querySelector("mark");
  mark?.focus({ preventScroll: true });
  mark?.scrollIntoView({ block: span[1] - span[0] > 600 ? "start" : "center" });
}

/** A link for an address of the web, text for any other: a file's address opens from no web page. */
function address(uri) {
  const scheme = URL.canParse(uri) ? new URL(uri).protocol : "";
  if (scheme !== "https:" && scheme !== "http:") return document.createTextNode(readable(uri));
  return element("a", { href: uri, target: "_blank", rel: "noopener noreferrer" }, uri);
}

function readable(uri) {
  try {
    return decodeURI(uri);
  } catch {
    return uri;
  }
}

function faultOf(fault, citation) {
  return element(
    "div",
    { className: "fault" },
    element(
      "div",
      { role: "alert" },
      element("p", { className: "message" }, fault.message),
      fault.hint ? element("p", { className: "hint" }, fault.hint) : null,
    ),
    element("p", { className: "hint" }, "The cited words:"),
    element("blockquote", {}, citation.quote),
    element("p", { className: "actions" }, button("Try again", () => load(citation), { className: "quiet" })),
  );
}
