/** A small, safe Markdown: paragraphs, headings, lists, bold, code and fences, as DOM nodes. */

import { element } from "./elements.js";

const FENCE = /^\s*```/;
const HEADING = /^#{1,6}\s+(.*)$/;
const ITEM = /^\s*(?:([-*•])|(\d{1,9})[.)])\s+(.*)$/;
const INLINE = /(`+)(.+?)\1|\*\*(?=\S)(.+?)\*\*|\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/gs;

const drawn = new WeakMap();

/**
 * Shows `text` in `container`. `markOf(n)` gives the node for the mark [n], or null where it is only text.
 * Blocks that have not changed stay as they are, so that a selection outlives the next piece of a stream.
 */
export function show(container, text, markOf) {
  const wanted = blocks(text);
  wanted.forEach((block, place) => {
    const key = JSON.stringify(block);
    const old = container.children[place];
    if (old && drawn.get(old) === key) return;
    const node = draw(block, markOf);
    drawn.set(node, key);
    if (old) old.replaceWith(node);
    else container.append(node);
  });
  while (container.children.length > wanted.length) container.lastElementChild.remove();
}

/** The blocks of a text: `{kind, lines}`; a list's lines are its items. */
export function blocks(text) {
  const found = [];
  let open = null;
  const begin = (block) => found.push((open = block));
  for (const line of text.split("\n")) {
    if (open?.kind === "code") {
      if (FENCE.test(line)) open = null;
      else open.lines.push(line);
    } else if (FENCE.test(line)) {
      begin({ kind: "code", lines: [] });
    } else if (line.trim() === "") {
      if (open?.kind === "list") open.loose = true;
      else open = null;
    } else if (HEADING.test(line)) {
      found.push({ kind: "heading", lines: [line.match(HEADING)[1]] });
      open = null;
    } else if (ITEM.test(line)) {
      addItem(line.match(ITEM), open, begin);
    } else if (open?.kind === "list" && (!open.loose || /^\s/.test(line))) {
      open.lines.push(`${open.lines.pop()} ${line.trim()}`);
    } else if (open?.kind === "paragraph") {
      open.lines.push(line);
    } else {
      begin({ kind: "paragraph", lines: [line] });
    }
  }
  return found;
}

function addItem([, bullet, number, text], open, begin) {
  const ordered = bullet === undefined;
  if (open?.kind !== "list" || open.ordered !== ordered) {
    begin({ kind: "list", ordered, start: ordered ? Number(number) : 1, loose: false, lines: [text] });
    return;
  }
  open.loose = false;
  open.lines.push(text);
}

function draw(block, markOf) {
  if (block.kind === "code") {
    // A wide line scrolls, and what scrolls must be reachable by keyboard.
    return element("pre", { tabIndex: 0 }, element("code", {}, block.lines.join("\n")));
  }
  if (block.kind === "heading") return element("h3", {}, ...inline(block.lines[0], markOf));
  if (block.kind === "list") {
    const items = block.lines.map((line) => element("li", {}, ...inline(line, markOf)));
    return block.ordered
      ? element("ol", { start: block.start }, ...items)
      : element("ul", {}, ...items);
  }
  return element("p", {}, ...inline(block.lines.join("\n"), markOf));
}

function inline(text, markOf) {
  const nodes = [];
  let place = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, , code, bold, numbers] = match;
    const made = code
      ? [element("code", {}, code.trim() || code)]
      : bold
        ? [element("strong", {}, ...inline(bold, markOf))]
        : marks(numbers, markOf);
    if (made === null) continue;
    nodes.push(text.slice(place, match.index), ...made);
    place = match.index + whole.length;
  }
  nodes.push(text.slice(place));
  return nodes;
}

/** The nodes of one bracket of numbers; null where any of them is no citation. */
function marks(numbers, markOf) {
  const nodes = numbers.split(",").map((number) => markOf(Number(number)));
  if (nodes.includes(null)) return null;
  // The joiner keeps a mark on the line of the word it belongs to.
  return nodes.flatMap((node) => ["\u2060", node]);
}
