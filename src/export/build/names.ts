/** Names that are in use. */
export class Names {
  readonly #taken = new Set<string>();
  /** The next number to try for a stem, so that many names with one stem take linear time. */
  readonly #next = new Map<string, number>();

  /** Keep a name from being invented. */
  take(name: string): void {
    this.#taken.add(name);
  }

  /** A name that nothing has yet: the stem, or the stem with a number. */
  fresh(stem: string): string {
    let name = stem;
    let count = this.#next.get(stem) ?? 1;
    while (this.#taken.has(name)) name = `${stem}_${count++}`;
    this.#next.set(stem, count);
    this.#taken.add(name);
    return name;
  }
}
