/** Finds a cited passage in a document's text, and cuts that text into what is shown. */

import { element } from "./elements.js";

/** How much of a long document is shown at once, in UTF-16 units. */
export const WINDOW = 20_000;

const ASTRAL = /[\ud800-\udbff]/;
const SNAP = 400;

/**
 * Places in a string for offsets in Unicode code points, in the same order. The server counts code points,
 * as Python does; a JavaScript string counts UTF-16 units, two for a character beyond the first plane.
 */
export function unitOffsets(text, offsets) {
  if (!ASTRAL.test(text)) return offsets.map((offset) => Math.min(offset, text.length));
  const found = new Array(offsets.length);
  let unit = 0;
  let point = 0;
  for (const [place, offset] of [...offsets.entries()].sort((a, b) => a[1] - b[1])) {
    for (; point < offset && unit < text.length; point += 1) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    }
    found[place] = unit;
  }
  return found;
}

/** Where the cited words stand, as `[start, end]` in units; null where the document no longer has them. */
export function locate(document_, citation) {
  const { text } = document_;
  const [start, end] = unitOffsets(text, [citation.start, citation.end]);
  if (text.slice(start, end) === citation.quote) return [start, end];
  const moved = text.indexOf(citation.quote);
  return moved < 0 || citation.quote === "" ? null : [moved, moved + citation.quote.length];
}

/** A place near `place` where a cut does no harm: after a line break if one is near, never inside a character. */
export function cut(text, place) {
  if (place <= 0) return 0;
  if (place >= text.length) return text.length;
  const line = text.lastIndexOf("\n", place - 1) + 1;
  if (line > 0 && place - line < SNAP) return line;
  const low = text.charCodeAt(place);
  return low >= 0xdc00 && low <= 0xdfff ? place - 1 : place;
}

/** Nodes for the text in `[from, to)`, with its page numbers and the cited span. */
export function nodesFor(text, pages, span, from, to) {
  const [start, end] = span ?? [0, 0];
  const edges = [from, to, start, end, ...pages.map((page) => page.unit)]
    .filter((edge) => edge >= from && edge <= to)
    .sort((a, b) => a - b);
  const numbers = new Map(pages.map((page) => [page.unit, page.number]));
  const nodes = [];
  edges.forEach((edge, place) => {
    if (edge === edges[place + 1] || edge === to) return;
    if (numbers.has(edge)) {
      nodes.push(element("h3", { className: "page" }, `Page ${numbers.get(edge)}`));
    }
    const piece = text.slice(edge, edges[place + 1]);
    nodes.push(edge >= start && edge < end ? element("mark", { tabIndex: -1 }, piece) : piece);
  });
  return nodes;
}
