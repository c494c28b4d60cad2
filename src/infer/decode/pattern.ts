import { UsageError } from "../../errors.ts";

import type { Constraint } from "./constraint.ts";

/** Repetitions beyond this would make the automaton too large. */
const MOST_REPEATS = 1000;

/** A state of the automaton (Thompson 1968). It reads one character, or moves on to each of `to` without reading. */
interface State {
  test: ((character: string) => boolean) | null;
  readonly to: number[];
}

/** A part of the automaton with one way in and one way out. */
interface Part {
  readonly first: number;
  readonly last: number;
}

/**
 * The texts that a regular expression matches from end to end: characters, `.`, `\d`, `\w`, `\s`, classes such as
 * `[A-F0-9]` and `[^x]`, groups, `|`, `?`, `*`, `+` and `{2,5}`. A number stands for so many digits.
 *
 * @throws {UsageError} when it is none of these
 */
export function pattern(source: string | number, characters: readonly string[]): Constraint<readonly number[]> {
  const text = typeof source === "number" ? `\\d{${source}}` : source;
  const parser = new Parser(text);
  const whole = parser.parse();
  const { states } = parser;
  const closure = (from: Iterable<number>): number[] => {
    const reached = new Set<number>();
    const pending = [...from];
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (reached.has(state)) continue;
      reached.add(state);
      const found = states[state];
      if (found?.test === null) pending.push(...found.to);
    }
    return [...reached].toSorted((a, b) => a - b);
  };
  return {
    start: closure([whole.first]),
    next: (current, symbol) => {
      const character = characters[symbol];
      if (character === undefined) return null;
      const after = current.flatMap((state) => {
        const found = states[state];
        return found !== undefined && found.test !== null && found.test(character) ? found.to : [];
      });
      return after.length === 0 ? null : closure(after);
    },
    accepts: (current) => current.includes(whole.last),
  };
}

class Parser {
  readonly states: State[] = [];
  readonly #text: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#text = Array.from(text);
  }

  parse(): Part {
    const part = this.#alternatives();
    if (this.#at < this.#text.length) this.#fail(`"${this.#text[this.#at]}" opens nothing`);
    return part;
  }

  #fail(reason: string): never {
    throw new UsageError(`the pattern ${this.#text.join("")} cannot be read at character ${this.#at + 1}: ${reason}`, {
      hint: "patterns have characters, . \\d \\w \\s, [classes], (groups), | ? * + and {2,5}",
    });
  }

  #state(test: State["test"] = null): number {
    return this.states.push({ test, to: [] }) - 1;
  }

  #link(from: number, to: number): void {
    this.states[from]?.to.push(to);
  }

  #alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#text[this.#at] === "|") {
      this.#at++;
      parts.push(this.#sequence());
    }
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const whole = { first: this.#state(), last: this.#state() };
    for (const { first, last } of parts) {
      this.#link(whole.first, first);
      this.#link(last, whole.last);
    }
    return whole;
  }

  #sequence(): Part {
    const first = this.#state();
    let last = first;
    for (
      let next = this.#text[this.#at];
      next !== undefined && next !== "|" && next !== ")";
      next = this.#text[this.#at]
    ) {
      const part = this.#repeated();
      this.#link(last, part.first);
      last = part.last;
    }
    return { first, last };
  }

  #repeated(): Part {
    const start = this.#at;
    const part = this.#atom();
    const end = this.#at;
    const sign = this.#text[this.#at];
    if (sign === "?" || sign === "*" || sign === "+") {
      this.#at++;
      if (sign !== "+") this.#link(part.first, part.last);
      if (sign !== "?") this.#link(part.last, part.first);
      return part;
    }
    if (sign !== "{") return part;
    const [least, most] = this.#count();
    const after = this.#at;
    // Each repetition is an automaton of its own: the atom is read again for it.
    const again = (): Part => {
      this.#at = start;
      const copy = this.#atom();
      if (this.#at !== end) this.#fail("a repetition that cannot be read again");
      return copy;
    };
    const whole = { first: this.#state(), last: this.#state() };
    let last = whole.first;
    for (let count = 0; count < (most ?? Math.max(least, 1)); count++) {
      const copy = again();
      if (count >= least) this.#link(last, whole.last);
      this.#link(last, copy.first);
      last = copy.last;
      if (most === undefined && count >= least - 1) this.#link(copy.last, copy.first);
    }
    this.#link(last, whole.last);
    this.#at = after;
    return whole;
  }

  #count(): readonly [number, number | undefined] {
    const close = this.#text.indexOf("}", this.#at);
    const inside = this.#text.slice(this.#at + 1, close).join("");
    const found = /^(\d+)(,(\d*))?$/.exec(inside);
    if (close < 0 || found === null) this.#fail("{ } holds a number, or two with a comma");
    const least = Number(found[1]);
    const most = found[2] === undefined ? least : found[3] === "" ? undefined : Number(found[3]);
    if (least > (most ?? MOST_REPEATS) || (most ?? least) > MOST_REPEATS) {
      this.#fail(`repetitions go from small to large, and to ${MOST_REPEATS} at most`);
    }
    this.#at = close + 1;
    return [least, most];
  }

  #atom(): Part {
    const character = this.#text[this.#at++];
    if (character === undefined) this.#fail("it ends too early");
    if (character === "(") {
      if (this.#text[this.#at] === "?" && this.#text[this.#at + 1] === ":") this.#at += 2;
      const part = this.#alternatives();
      if (this.#text[this.#at] !== ")") this.#fail("a group is not closed");
      this.#at++;
      return part;
    }
    if ("?*+{".includes(character)) this.#fail(`nothing comes before ${character}`);
    const test = this.#testOf(character);
    const [first, step, last] = [this.#state(), this.#state(test), this.#state()];
    this.#link(first, step);
    this.#link(step, last);
    return { first, last };
  }

  #testOf(character: string): (found: string) => boolean {
    if (character === ".") return () => true;
    if (character === "[") return this.#classTest();
    if (character === "\\") return this.#escapeTest();
    return (found) => found === character;
  }

  #escapeTest(): (found: string) => boolean {
    const kind = this.#text[this.#at++];
    if (kind === undefined) this.#fail("it ends with a backslash");
    const expression = { d: /\d/, D: /\D/, w: /\w/, W: /\W/, s: /\s/, S: /\S/ }[kind];
    if (expression !== undefined) return (found) => expression.test(found);
    if (/[A-Za-z0-9]/.test(kind)) this.#fail(`\\${kind} is not known`);
    return (found) => found === kind;
  }

  #classTest(): (found: string) => boolean {
    const negated = this.#text[this.#at] === "^";
    if (negated) this.#at++;
    const tests: ((found: string) => boolean)[] = [];
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) this.#fail("a class is not closed");
      if (character === "]") break;
      const end = this.#text[this.#at + 1];
      if (character === "\\") tests.push(this.#escapeTest());
      else if (this.#text[this.#at] === "-" && end !== undefined && end !== "]") {
        this.#at += 2;
        if (end < character) this.#fail(`${character}-${end} is no range`);
        tests.push((found) => found >= character && found <= end);
      } else tests.push((found) => found === character);
    }
    return (found) => tests.some((test) => test(found)) !== negated;
  }
}
