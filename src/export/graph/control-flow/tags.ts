import { ExportError } from "../../../errors.ts";

/** Deeper than any model nests branches and loops. */
const MAX_NESTING = 200;

/** A set of branches and loops. Equal sets of one {@link Tags} are the same object. */
export interface TagSet {
  readonly id: number;
  /** Ascending. */
  readonly tags: readonly number[];
}

/** Makes sets of tags, each once, so that a graph of 10,000 nodes needs only as many sets as it has different ones. */
export class Tags {
  readonly #sets = new Map<string, TagSet>();
  readonly #unions = new Map<string, TagSet>();
  #next = 0;
  readonly empty: TagSet = this.#set([]);

  /** A tag that no other has. */
  fresh(): number {
    return this.#next++;
  }

  /** @throws {ExportError} when there are more than 200 tags */
  with(set: TagSet, tag: number): TagSet {
    return set.tags.includes(tag) ? set : this.#set([...set.tags, tag].toSorted((a, b) => a - b));
  }

  without(set: TagSet, ...removed: readonly number[]): TagSet {
    if (!removed.some((tag) => set.tags.includes(tag))) return set;
    return this.#set(set.tags.filter((tag) => !removed.includes(tag)));
  }

  union(a: TagSet, b: TagSet): TagSet {
    if (a === b || b.tags.length === 0) return a;
    if (a.tags.length === 0) return b;
    const key = a.id < b.id ? `${a.id},${b.id}` : `${b.id},${a.id}`;
    const known = this.#unions.get(key);
    if (known !== undefined) return known;
    const union = this.#set([...new Set([...a.tags, ...b.tags])].toSorted((x, y) => x - y));
    this.#unions.set(key, union);
    return union;
  }

  #set(tags: readonly number[]): TagSet {
    if (tags.length > MAX_NESTING) {
      throw new ExportError(`branches and loops are nested deeper than ${MAX_NESTING} levels`);
    }
    const key = tags.join();
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const set: TagSet = { id: this.#sets.size, tags };
    this.#sets.set(key, set);
    return set;
  }
}
