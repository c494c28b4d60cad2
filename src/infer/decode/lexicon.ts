import { UsageError } from "../../errors.ts";

import type { Constraint } from "./constraint.ts";

/** A node of a trie. */
interface Node {
  readonly next: Map<number, Node>;
  isEnd: boolean;
}

/**
 * The words of a list, alone or, with a separator, as many as there are.
 *
 * @param words texts
 * @param characters of the model, by class
 * @throws {UsageError} when a word has a character that the model does not know
 */
export function lexicon(
  words: Iterable<string>,
  characters: readonly string[],
  options: { readonly separator?: string } = {},
): Constraint<Node> {
  const root: Node = { next: new Map(), isEnd: false };
  const classOf = new Map(characters.map((character, index) => [character, index]));
  let count = 0;
  for (const word of words) {
    let node = root;
    for (const character of word) {
      const symbol = classOf.get(character);
      if (symbol === undefined) {
        throw new UsageError(
          `the word ${JSON.stringify(word)} has ${JSON.stringify(character)}, which the model does not read`,
        );
      }
      const next = node.next.get(symbol) ?? { next: new Map<number, Node>(), isEnd: false };
      node.next.set(symbol, next);
      node = next;
    }
    node.isEnd = true;
    count++;
  }
  if (count === 0) throw new UsageError("the lexicon holds no words");
  const { separator } = options;
  const separating = separator === undefined ? undefined : classOf.get(separator);
  return {
    start: root,
    next: (node, symbol) => node.next.get(symbol) ?? (node.isEnd && symbol === separating ? root : null),
    accepts: (node) => node.isEnd,
  };
}
