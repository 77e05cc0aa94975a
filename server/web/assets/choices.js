/** The recipe and the corpus to ask, as the server knows them. */

import { element } from "./elements.js";
import { Fault, request } from "./fault.js";

const recipe = document.getElementById("recipe");
const corpus = document.getElementById("corpus");

/** The part of a request that is chosen at the top of the page. */
export function chosen() {
  return corpus.value
    ? { model: recipe.value, tandem: { corpora: [corpus.value] } }
    : { model: recipe.value };
}

/** Read both lists anew; what is chosen stays chosen while it is there. */
export async function refreshChoices() {
  try {
    const [models, corpora] = await Promise.all([read("/v1/models"), read("/api/corpora")]);
    fill(recipe, models.data.map(({ id }) => [id, id]));
    fill(corpus, [["", "All corpora"], ...corpora.corpora.map(({ name, documents }) => [
      name,
      `${name} (${documents.toLocaleString("en")})`,
    ])]);
    document.getElementById("no-documents").hidden = corpora.corpora.length > 0;
  } catch (error) {
    // The lists as they are still serve; a server that is away says so when it is asked a question.
    if (!(error instanceof Fault)) throw error;
  }
}

async function read(path) {
  return (await request(path)).json();
}

function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  if (options.some(([value]) => value === before)) select.value = before;
}
