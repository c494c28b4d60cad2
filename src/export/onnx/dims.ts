/** Size of one axis: fixed, or a symbolic name that stands for one size throughout a run ("batch", "2*time"). */
export type Dim = number | string;

/** Product of sizes; symbolic factors are kept in order: `4*batch`. */
export function product(dims: readonly Dim[]): Dim {
  let known = 1;
  const free: string[] = [];
  for (const dim of dims) {
    const [factor, rest] = split(dim);
    known *= factor;
    if (rest !== null) free.push(rest);
  }
  if (free.length === 0) return known;
  if (known === 0) return 0;
  const [only] = free;
  if (known === 1 && free.length === 1 && only !== undefined) return only;
  return [...(known === 1 ? [] : [String(known)]), ...free.map(group)].join("*");
}

/** `3*batch` to 3 and `batch`. */
function split(dim: Dim): readonly [factor: number, rest: string | null] {
  if (typeof dim === "number") return [dim, null];
  const [, factor, rest] = /^(\d+)\*(\w+)$/.exec(dim) ?? [];
  return rest === undefined ? [1, dim] : [Number(factor), rest];
}

/** `a / b` when it is known to be whole, else null. */
export function quotient(a: Dim, b: Dim): Dim | null {
  if (a === b) return 1;
  const [above, top] = split(a);
  const [below, bottom] = split(b);
  if (below === 0 || above % below !== 0) return null;
  if (bottom === null) return product([above / below, ...(top === null ? [] : [top])]);
  return top === bottom ? above / below : null;
}

/** `a / b` in the lowest terms that can be told: `4*batch*time` by `3*batch` is `4*time/3`. */
export function divide(a: Dim, b: Dim): Dim {
  const [above, ...top] = factorsOf(a);
  const [below, ...bottom] = factorsOf(b);
  for (const factor of bottom.slice()) {
    const at = top.indexOf(factor);
    if (at === -1) continue;
    top.splice(at, 1);
    bottom.splice(bottom.indexOf(factor), 1);
  }
  const common = greatestCommonDivisor(above, below);
  const numerator = product([above / common, ...top]);
  const denominator = product([below / common, ...bottom]);
  const [only, ...more] = top;
  if (denominator === 1) return only !== undefined && more.length === 0 && above === common ? only : numerator;
  const simple = bottom.length === 0 || (bottom.length === 1 && below === common);
  const divisor = simple ? group(denominator) : `(${denominator})`;
  return `${numerator === only ? group(numerator) : numerator}/${divisor}`;
}

/** A number, and the symbols it is multiplied with. */
function factorsOf(dim: Dim): [number, ...string[]] {
  if (typeof dim === "number") return [dim];
  const parts = dim.match(/(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^*()])+/g) ?? [dim];
  if (parts.some((part) => /^[^(]*[-+/]/.test(part))) return [1, dim];
  // Parentheses deeper than those above: one factor.
  if (parts.join("*") !== dim) return [1, dim];
  const bare = parts.map((part) => /^\(([^()]*)\)$/.exec(part)?.[1] ?? part);
  const [first = "", ...others] = bare;
  return /^\d+$/.test(first) ? [Number(first), ...others] : [1, ...bare];
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? Math.max(a, 1) : greatestCommonDivisor(b, a % b);
}

/** `dim + amount`; a sum's constants are added up, so that what is padded and cropped again has its old name. */
export function plus(dim: Dim, amount: Dim): Dim {
  if (typeof dim === "number" && typeof amount === "number") return dim + amount;
  if (typeof dim === "number") return plus(amount, dim);
  if (typeof amount === "string") return `${dim}+${group(amount)}`;
  const [, head = dim, constant = "0"] = /^(.+?)([+-]\d+)$/.exec(dim) ?? [];
  const sum = Number(constant) + amount;
  if (sum === 0) return head;
  return sum < 0 ? `${head}${sum}` : `${head}+${sum}`;
}

/** `floor(dim / divisor)`. */
export function floorDivide(dim: Dim, divisor: number): Dim {
  if (divisor === 1) return dim;
  return typeof dim === "number" ? Math.floor(dim / divisor) : `floor(${group(dim)}/${divisor})`;
}

/** `ceil(dim / divisor)`. */
export function ceilDivide(dim: Dim, divisor: number): Dim {
  if (divisor === 1) return dim;
  return typeof dim === "number" ? Math.ceil(dim / divisor) : `ceil(${group(dim)}/${divisor})`;
}

/** `dim * factor`. */
export function times(dim: Dim, factor: number): Dim {
  return product([factor, dim]);
}

function group(dim: Dim): string {
  return typeof dim === "string" && /^\w+$|^\w+\([^()]*\)$/.test(dim)
    ? dim
    : typeof dim === "number"
      ? String(dim)
      : `(${dim})`;
}
