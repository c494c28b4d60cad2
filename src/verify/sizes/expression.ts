/** Parts of a size written as text: names (in quotes where they are no identifiers), numbers, operators. */
const TOKEN = /'[^']*'|[A-Za-z_][\w.]*|\d+|[-+*/(),]/g;

/**
 * The number that a size of an ONNX file (`dim_param`) stands for, once its symbols are known: sums, products and quotients
 * of symbols and numbers, `floor(a/b)`, `ceil(a/b)`, `max(a, b)` and `broadcast(a, b)` (either is 1, or they are equal).
 *
 * @returns NaN where sizes cannot be broadcast; null when a symbol is not known, or the text is no such expression
 */
export function evaluateSize(text: string, symbols: ReadonlyMap<string, number>): number | null {
  const known = symbols.get(text);
  if (known !== undefined) return known;
  const tokens = text.match(TOKEN) ?? [];
  if (tokens.join("").replaceAll(" ", "") !== text.replaceAll(" ", "")) return null;
  return new Evaluation(tokens, symbols).whole();
}

class Evaluation {
  readonly #tokens: string[];
  readonly #symbols: ReadonlyMap<string, number>;

  constructor(tokens: readonly string[], symbols: ReadonlyMap<string, number>) {
    this.#tokens = [...tokens];
    this.#symbols = symbols;
  }

  whole(): number | null {
    const value = this.#sum();
    return this.#tokens.length === 0 ? value : null;
  }

  #sum(): number | null {
    let left = this.#product();
    for (let operator = this.#take("+", "-"); operator !== null; operator = this.#take("+", "-")) {
      const right = this.#product();
      if (left === null || right === null) return null;
      left = operator === "+" ? left + right : left - right;
    }
    return left;
  }

  #product(): number | null {
    let left = this.#factor();
    for (let operator = this.#take("*", "/"); operator !== null; operator = this.#take("*", "/")) {
      const right = this.#factor();
      if (left === null || right === null) return null;
      left = operator === "*" ? left * right : left / right;
    }
    return left;
  }

  #factor(): number | null {
    const token = this.#tokens.shift();
    if (token === undefined) return null;
    if (token === "-") {
      const value = this.#factor();
      return value === null ? null : -value;
    }
    if (token === "(") return this.#closed(this.#sum());
    if (/^\d/.test(token)) return Number(token);
    if (this.#tokens[0] === "(") return this.#call(token);
    return this.#symbols.get(token.replaceAll("'", "")) ?? null;
  }

  #call(name: string): number | null {
    this.#tokens.shift();
    const values: (number | null)[] = [];
    do values.push(this.#sum());
    while (this.#take(",") !== null);
    const known = values.filter((value) => value !== null);
    if (this.#take(")") === null || known.length < values.length) return null;
    const [first = Number.NaN] = known;
    if (name === "floor" && known.length === 1) return Math.floor(first);
    if (name === "ceil" && known.length === 1) return Math.ceil(first);
    if (name === "max") return Math.max(...known);
    if (name !== "broadcast") return null;
    const others = new Set(known.filter((value) => value !== 1));
    return others.size > 1 ? Number.NaN : ([...others][0] ?? 1);
  }

  #closed(value: number | null): number | null {
    return this.#take(")") === null ? null : value;
  }

  /** The next token if it is one of these. */
  #take(...wanted: readonly string[]): string | null {
    const [next] = this.#tokens;
    if (next === undefined || !wanted.includes(next)) return null;
    this.#tokens.shift();
    return next;
  }
}
