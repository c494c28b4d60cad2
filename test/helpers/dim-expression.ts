/**
 * The size that a symbolic dimension of an exported file stands for, once its symbols are known: sums, products,
 * quotients, `floor(…)`, `ceil(…)` and `broadcast(…, …)` of symbols and numbers. Undefined when a symbol is not known.
 */
export function evaluateDim(expression: string, symbols: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/[A-Za-z_][\w.]*|\d+|[-+*/(),]/g) ?? [];
  if (tokens.join("") !== expression.replaceAll(" ", "")) return undefined;
  const sum = (): number => {
    let left = term();
    while (tokens[0] === "+" || tokens[0] === "-") left = tokens.shift() === "+" ? left + term() : left - term();
    return left;
  };
  const term = (): number => {
    let left = factor();
    while (tokens[0] === "*" || tokens[0] === "/") left = tokens.shift() === "*" ? left * factor() : left / factor();
    return left;
  };
  const factor = (): number => {
    const token = tokens.shift() ?? "";
    if (/^\d+$/.test(token)) return Number(token);
    if (token === "-") return -factor();
    if (token === "(") return closed(sum());
    if (tokens[0] !== "(") return symbols.get(token) ?? Number.NaN;
    tokens.shift();
    const first = sum();
    if (token === "broadcast") return tokens.shift() === "," ? broadcast(first, closed(sum())) : Number.NaN;
    const argument = closed(first);
    return token === "floor" ? Math.floor(argument) : token === "ceil" ? Math.ceil(argument) : Number.NaN;
  };
  const broadcast = (a: number, b: number): number => (a === b || b === 1 ? a : a === 1 ? b : Number.NaN);
  const closed = (value: number): number => (tokens.shift() === ")" ? value : Number.NaN);
  const size = sum();
  return tokens.length === 0 && !Number.isNaN(size) ? size : undefined;
}
