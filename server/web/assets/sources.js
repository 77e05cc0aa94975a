/** What stands below an answer: its sources, and how it came about. */

import { element } from "./elements.js";

const SINCE_START = ["before_engine", "first_token", "total"];

/** Page and section of a citation in words, such as "page 3, Setup > Linux"; may be empty. */
export function placeOf(citation) {
  // The path of headings often begins with the title, which stands above it anyway.
  const path = (citation.section ?? "").split(" > ");
  const section = (path[0] === citation.title ? path.slice(1) : path).join(" > ");
  return [citation.page === null ? "" : `page ${citation.page}`, section]
    .filter((part) => part)
    .join(", ");
}

/** Title and place of a citation, for a label. */
export function nameOf(citation) {
  const title = citation.title || citation.uri;
  return citation.page === null ? title : `${title}, page ${citation.page}`;
}

/** The button for a mark [n] in the text. */
export function markButton(citation, open) {
  const label = `Citation ${citation.n}: ${nameOf(citation)}`;
  const made = element("button", { type: "button", className: "mark", ariaLabel: label }, `${citation.n}`);
  made.addEventListener("click", () => open(citation));
  return element("sup", {}, made);
}

/** The list of sources, in the order of their numbers, under `title` where one is given. */
export function sourceList(citations, open, title = null) {
  const items = citations.map((citation) => {
    const label = `Source ${citation.n}: ${nameOf(citation)}`;
    const opener = element("button", { type: "button", ariaLabel: label }, citation.title || citation.uri);
    opener.addEventListener("click", () => open(citation));
    const place = [citation.corpus, placeOf(citation)].filter((part) => part).join(" · ");
    return element(
      "li",
      { value: citation.n },
      element("span", { className: "number", ariaHidden: "true" }, `${citation.n}`),
      element("p", { className: "title" }, opener),
      element("p", { className: "place" }, place),
      element("blockquote", {}, citation.quote),
    );
  });
  return element(
    "section",
    { className: "sources" },
    element("h3", {}, title ?? (items.length === 1 ? "Source" : "Sources")),
    element("ol", { role: "list" }, ...items),
  );
}

/** A closed box with recipe, trace and the time of each step. */
export function howAnswered(tandem) {
  const steps = Object.entries(tandem.timings);
  return element(
    "details",
    { className: "how" },
    element("summary", {}, "How this was answered"),
    element(
      "dl",
      {},
      element("dt", {}, "Recipe"),
      element("dd", {}, [tandem.recipe, tandem.recipe_version].filter((part) => part).join(" · ")),
      element("dt", {}, "Trace"),
      element("dd", {}, tandem.trace_id),
    ),
    timingTable("Step", steps.filter(([name]) => !SINCE_START.includes(name))),
    timingTable("Since the start", steps.filter(([name]) => SINCE_START.includes(name))),
  );
}

function timingTable(title, rows) {
  if (rows.length === 0) return null;
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, title),
    element("th", { scope: "col" }, "Milliseconds"),
  );
  const lines = rows.map(([name, ms]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name.replaceAll("_", " ")),
      element("td", {}, ms.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })),
    ),
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
}
