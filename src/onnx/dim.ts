import { InternalError } from "../errors.ts";

/**
 * The size of one axis: a number, or an expression over the free sizes of the model's inputs.
 *
 * Every expression is kept in one canonical form, a sum of products of atoms with whole coefficients, and equal expressions
 * are the same object: `a*b === b*a`, `2*(a+1)/2 === a+1`. A symbol stands for one size throughout a run, 0 or more.
 * After sonos/tract's TDim.
 */
export class Dim {
  /** Identifies the expression; also a text that ONNX accepts as `dim_param`. */
  readonly key: string;
  /** Sorted by their atoms; the constant, if there is one, comes last. */
  readonly terms: readonly Term[];
  /** The number, when the size is one; else null. */
  readonly value: number | null;

  /** Use {@link dim}, which gives equal expressions the same object. */
  private constructor(key: string, terms: readonly Term[]) {
    this.key = key;
    this.terms = terms;
    const [only] = terms;
    if (only === undefined) this.value = 0;
    else this.value = terms.length === 1 && only.atoms.length === 0 ? only.coefficient : null;
  }

  /** @param terms in canonical order, none with coefficient 0 */
  static fromTerms(terms: readonly Term[]): Dim {
    const key = textOf(terms);
    const known = interned.get(key)?.deref();
    if (known !== undefined) return known;
    const made = new Dim(key, terms);
    interned.set(key, new WeakRef(made));
    forgotten.register(made, key);
    return made;
  }

  toString(): string {
    return String(show(this));
  }
}

/** `coefficient` times the product of `atoms`. */
interface Term {
  readonly coefficient: number;
  /** Sorted by key; a power repeats its atom. */
  readonly atoms: readonly Atom[];
}

/** What a product is made of. */
type Atom =
  | { readonly kind: "symbol"; readonly key: string; readonly name: string }
  | { readonly kind: "floor"; readonly key: string; readonly of: Dim; readonly by: Dim }
  | { readonly kind: "max"; readonly key: string; readonly of: readonly Dim[] }
  | { readonly kind: "broadcast"; readonly key: string; readonly of: readonly Dim[] };

/** A size as callers may give it: a number, the name of a symbol, or an expression. */
export type DimLike = Dim | number | string;

const interned = new Map<string, WeakRef<Dim>>();
const forgotten = new FinalizationRegistry<string>((key) => {
  if (interned.get(key)?.deref() === undefined) interned.delete(key);
});

/** The expression for a size. A text is the name of a symbol, whatever it contains. */
export function dim(size: DimLike): Dim {
  if (typeof size === "object") return size;
  if (typeof size === "number") return integer(size);
  // Quotes keep a symbol named "a*b" apart from the product of a and b.
  return fromAtom({ kind: "symbol", key: /^[A-Za-z_][\w.]*$/.test(size) ? size : `'${size}'`, name: size });
}

/** Sizes of 0 and more and below this are kept once they were made, as most sizes of a model are such. */
const KEPT_INTEGERS = 4096;
const keptIntegers: (Dim | undefined)[] = [];

function integer(value: number): Dim {
  const kept = keptIntegers[value];
  if (kept !== undefined) return kept;
  if (!Number.isSafeInteger(value)) throw new InternalError(`a size must be a whole number; found ${value}`);
  const made = Dim.fromTerms(value === 0 ? [] : [{ coefficient: value, atoms: [] }]);
  if (value >= 0 && value < KEPT_INTEGERS) keptIntegers[value] = made;
  return made;
}

function fromAtom(atom: Atom): Dim {
  return Dim.fromTerms([{ coefficient: 1, atoms: [atom] }]);
}

function textOf(terms: readonly Term[]): string {
  if (terms.length === 0) return "0";
  return terms
    .map((term, index) => {
      const text = productText(term);
      return index === 0 || text.startsWith("-") ? text : `+${text}`;
    })
    .join("");
}

function productText({ coefficient, atoms }: Term): string {
  if (atoms.length === 0) return String(coefficient);
  const text = atoms.map(({ key }) => key).join("*");
  if (coefficient === 1) return text;
  return coefficient === -1 ? `-${text}` : `${coefficient}*${text}`;
}

/** The number, when the size is one. */
export function asNumber(size: Dim): number | null {
  return size.value;
}

/** Longer texts of sizes help nobody; one of a real model had 20,000 characters. */
const LONGEST_TEXT = 120;

/**
 * As a file has it: a number (`dim_value`), or text (`dim_param`). A long expression gets a name that follows from it, so that equal sizes
 * have equal texts still.
 */
export function show(size: Dim): number | string {
  const text = asNumber(size) ?? asSymbol(size) ?? size.key;
  return typeof text === "string" && text.length > LONGEST_TEXT ? `size_${hashOf(text)}` : text;
}

/** FNV-1a over UTF-16 (G. Fowler, L. Noll, K.-P. Vo), forwards and backwards: 64 bits in hexadecimal. */
function hashOf(text: string): string {
  let [forwards, backwards] = [0x811c9dc5, 0x811c9dc5];
  for (let index = 0; index < text.length; index++) {
    forwards = Math.imul(forwards ^ text.charCodeAt(index), 0x01000193);
    backwards = Math.imul(backwards ^ text.charCodeAt(text.length - 1 - index), 0x01000193);
  }
  return [forwards, backwards].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The name of the symbol, when the size is one. */
export function asSymbol(size: Dim): string | null {
  const [term] = size.terms;
  const [atom] = term?.atoms ?? [];
  const isAtom = size.terms.length === 1 && term?.coefficient === 1 && term.atoms.length === 1;
  return isAtom && atom?.kind === "symbol" ? atom.name : null;
}

/** Whether the size is this number, whatever the free sizes are. */
export function isNumber(size: Dim, value: number): boolean {
  return asNumber(size) === value;
}

export function add(...sizes: readonly DimLike[]): Dim {
  const known = sumOfNumbers(sizes);
  if (known !== null) return integer(known);
  const sums = new Map<string, { coefficient: number; atoms: readonly Atom[] }>();
  for (const size of sizes) {
    for (const { coefficient, atoms } of dim(size).terms) {
      const key = atoms.map((atom) => atom.key).join("*");
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { coefficient, atoms });
      else sum.coefficient += coefficient;
    }
  }
  const kept = [...sums].filter(([, { coefficient }]) => coefficient !== 0);
  return Dim.fromTerms(kept.toSorted(([a], [b]) => compareKeys(a, b)).map(([, term]) => term));
}

/** The sum, where all sizes are numbers and it is exact; else null. */
function sumOfNumbers(sizes: readonly DimLike[]): number | null {
  let sum = 0;
  for (const size of sizes) {
    const value = dim(size).value;
    if (value === null) return null;
    sum += value;
  }
  return Number.isSafeInteger(sum) ? sum : null;
}

/** Longer products first, then by name; the constant last. */
function compareKeys(a: string, b: string): number {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function subtract(a: DimLike, b: DimLike): Dim {
  return add(a, multiply(-1, b));
}

export function multiply(...sizes: readonly DimLike[]): Dim {
  let result = integer(1);
  for (const size of sizes) result = multiplyTwo(result, dim(size));
  return result;
}

function multiplyTwo(a: Dim, b: Dim): Dim {
  if (a.value === 1) return b;
  if (b.value === 1) return a;
  if (a.value !== null && b.value !== null) {
    const exact = a.value * b.value;
    if (Number.isSafeInteger(exact)) return integer(exact);
  }
  const parts = a.terms.flatMap((x) =>
    b.terms.map((y) =>
      Dim.fromTerms([
        {
          coefficient: x.coefficient * y.coefficient,
          atoms: [...x.atoms, ...y.atoms].toSorted((one, other) => compareKeys(one.key, other.key)),
        },
      ]),
    ),
  );
  return add(...parts);
}

/** `a / b` when that is a whole expression for every binding, else null. `6*n*m / (2*n)` is `3*m`. */
export function divideExactly(a: DimLike, b: DimLike): Dim | null {
  const [above, below] = [dim(a), dim(b)];
  if (above === below) return asNumber(below) === 0 ? null : integer(1);
  if (above.value !== null && below.value !== null) {
    return below.value === 0 || above.value % below.value !== 0 ? null : integer(above.value / below.value);
  }
  const [lead] = below.terms;
  if (lead === undefined) return null;
  // Long division of polynomials: each step removes the leading term of what is left.
  let rest = above;
  let quotient: Dim = integer(0);
  for (let steps = above.terms.length + below.terms.length; rest.terms.length > 0; steps--) {
    const [first] = rest.terms;
    const part = first === undefined || steps <= 0 ? null : divideTerm(first, lead);
    if (part === null) return null;
    quotient = add(quotient, part);
    rest = subtract(rest, multiplyTwo(part, below));
  }
  return quotient;
}

function divideTerm(above: Term, below: Term): Dim | null {
  if (above.coefficient % below.coefficient !== 0) return null;
  const atoms = [...above.atoms];
  for (const { key } of below.atoms) {
    const at = atoms.findIndex((atom) => atom.key === key);
    if (at === -1) return null;
    atoms.splice(at, 1);
  }
  return Dim.fromTerms([{ coefficient: above.coefficient / below.coefficient, atoms }]);
}

/**
 * `floor(a / b)` for b of 1 or more.
 *
 * @throws {InternalError} when `b` is a number below 1
 */
export function floorDivide(a: DimLike, b: DimLike): Dim {
  const [above, below] = [dim(a), dim(b)];
  const divisor = asNumber(below);
  if (divisor !== null && divisor < 1) throw new InternalError(`a size cannot be divided by ${divisor}`);
  const whole = divideExactly(above, below);
  if (whole !== null) return whole;
  if (divisor === null) return floorAtom(above, below);
  // floor((q*d + r) / d) = q + floor(r / d)
  const quotients: Term[] = [];
  const rests: Term[] = [];
  for (const term of above.terms) {
    const quotient = Math.floor(term.coefficient / divisor);
    const rest = term.coefficient - quotient * divisor;
    const isWhole = rest === 0 || term.atoms.length === 0;
    if (isWhole && quotient !== 0) quotients.push({ ...term, coefficient: quotient });
    const left = isWhole ? rest : term.coefficient;
    if (left !== 0) rests.push({ ...term, coefficient: left });
  }
  const [inner, outer] = [Dim.fromTerms(rests), Dim.fromTerms(quotients)];
  const constant = asNumber(inner);
  if (constant !== null) return add(outer, Math.floor(constant / divisor));
  return add(outer, floorOfRest(inner, divisor));
}

/** `floor(rest / divisor)`. Common factors go, and `floor((floor(x/a) + c) / b)` is `floor((x + a*c) / (a*b))`. */
function floorOfRest(rest: Dim, divisor: number): Dim {
  const common = rest.terms.reduce((most, { coefficient }) => greatestCommonDivisor(most, coefficient), divisor);
  if (common > 1) {
    const terms = rest.terms.map((term) => ({ ...term, coefficient: term.coefficient / common }));
    return floorDivide(Dim.fromTerms(terms), divisor / common);
  }
  const [first, second] = rest.terms;
  const [atom] = first?.atoms ?? [];
  const isFloor = first?.coefficient === 1 && first.atoms.length === 1 && atom?.kind === "floor";
  const isOnlyConstant = rest.terms.length === 1 || (rest.terms.length === 2 && second?.atoms.length === 0);
  if (isFloor && isOnlyConstant) {
    const constant = second === undefined ? 0 : second.coefficient;
    return floorDivide(add(atom.of, multiply(atom.by, constant)), multiply(atom.by, divisor));
  }
  return floorAtom(rest, integer(divisor));
}

function floorAtom(of: Dim, by: Dim): Dim {
  return fromAtom({ kind: "floor", key: `floor(${grouped(of)}/${grouped(by)})`, of, by });
}

function grouped(size: Dim): string {
  const [first] = size.terms;
  const isAtom = size.terms.length <= 1 && (first === undefined || first.coefficient === 1 || first.atoms.length === 0);
  const single = isAtom && (first?.atoms.length ?? 0) <= 1 && (asNumber(size) ?? 0) >= 0;
  return single ? size.key : `(${size.key})`;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** `ceil(a / b)` for b of 1 or more. */
export function ceilDivide(a: DimLike, b: DimLike): Dim {
  return floorDivide(add(a, b, -1), b);
}

/** The largest of several sizes. */
export function max(...sizes: readonly DimLike[]): Dim {
  const { numbers, others } = flattened("max", sizes);
  const most = numbers.length === 0 ? null : Math.max(...numbers);
  // A size that differs from another by a constant is above it or below it for every binding.
  const kept = others.filter((one) => !others.some((other) => other !== one && isBelow(one, other)));
  const bounded = most !== null && kept.some((one) => lowerBound(one) >= most) ? null : most;
  const all = [...kept, ...(bounded === null ? [] : [integer(bounded)])];
  const [only] = all;
  if (only === undefined) throw new InternalError("the largest of no sizes");
  if (all.length === 1) return only;
  return fromAtom({ kind: "max", key: `max(${all.map(({ key }) => key).join(", ")})`, of: all });
}

/** The smaller of two sizes; null when it depends on what they are. */
export function min(a: DimLike, b: DimLike): Dim | null {
  const largest = max(a, b);
  if (largest === dim(a)) return dim(b);
  return largest === dim(b) ? dim(a) : null;
}

function isBelow(one: Dim, other: Dim): boolean {
  const difference = asNumber(subtract(other, one));
  return difference !== null && difference > 0;
}

/**
 * The size of an axis when two tensors are broadcast: either is 1, or they are equal.
 *
 * @throws {RangeError} when both are known, differ, and neither is 1
 */
export function broadcast(...sizes: readonly DimLike[]): Dim {
  const { numbers, others } = flattened("broadcast", sizes);
  const fixed = [...new Set(numbers.filter((size) => size !== 1))];
  const [known] = fixed;
  if (fixed.length > 1) throw new RangeError(`sizes ${fixed.join(" and ")} cannot be broadcast`);
  if (known !== undefined) return integer(known);
  const [only] = others;
  if (only === undefined) return integer(1);
  if (others.length === 1) return only;
  return fromAtom({ kind: "broadcast", key: `broadcast(${others.map(({ key }) => key).join(", ")})`, of: others });
}

/** Sorted, without repetition, nested ones of the same kind opened. */
function flattened(
  kind: "max" | "broadcast",
  sizes: readonly DimLike[],
): { readonly numbers: readonly number[]; readonly others: readonly Dim[] } {
  const others = new Set<Dim>();
  const numbers: number[] = [];
  const visit = (size: Dim): void => {
    const value = asNumber(size);
    const [term] = size.terms;
    const [atom] = term?.atoms ?? [];
    const isAtom = size.terms.length === 1 && term?.coefficient === 1 && term.atoms.length === 1;
    if (value !== null) numbers.push(value);
    else if (isAtom && atom?.kind === kind) atom.of.forEach(visit);
    else others.add(size);
  };
  sizes.map(dim).forEach(visit);
  return { numbers, others: [...others].toSorted((a, b) => compareKeys(a.key, b.key)) };
}

/** A number that the size is never below, when every symbol is 0 or more. */
export function lowerBound(size: Dim): number {
  return size.terms.reduce((sum, { coefficient, atoms }) => {
    if (atoms.length === 0) return sum + coefficient;
    if (coefficient < 0) return Number.NEGATIVE_INFINITY;
    const bounds = atoms.map(boundOfAtom);
    return sum + (bounds.some((bound) => bound < 0) ? Number.NEGATIVE_INFINITY : coefficient * product(bounds));
  }, 0);
}

function boundOfAtom(atom: Atom): number {
  switch (atom.kind) {
    case "symbol":
      return 0;
    case "floor": {
      const by = asNumber(atom.by);
      return by === null ? Math.min(0, lowerBound(atom.of)) : Math.floor(lowerBound(atom.of) / by);
    }
    case "max":
      return Math.max(...atom.of.map(lowerBound));
    case "broadcast":
      return Math.min(...atom.of.map(lowerBound));
    default:
      return atom satisfies never;
  }
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((result, value) => result * value, 1);
}

/** The names of all symbols in a size, each once, in the order of the text. */
export function symbolsOf(size: Dim): readonly string[] {
  const found = new Set<string>();
  const visit = ({ terms }: Dim): void => {
    for (const atom of terms.flatMap(({ atoms }) => atoms)) {
      if (atom.kind === "symbol") found.add(atom.name);
      else partsOf(atom).forEach(visit);
    }
  };
  visit(size);
  return [...found];
}

function partsOf(atom: Atom): readonly Dim[] {
  switch (atom.kind) {
    case "symbol":
      return [];
    case "floor":
      return [atom.of, atom.by];
    case "max":
    case "broadcast":
      return atom.of;
    default:
      return atom satisfies never;
  }
}

/**
 * The number that a size is when its symbols have these values.
 *
 * @throws {RangeError} when a symbol has none, or sizes that must be broadcast do not fit
 */
export function evaluate(size: DimLike, bindings: ReadonlyMap<string, number>): number {
  return fold<number>(dim(size), {
    integer: (value) => value,
    symbol(name) {
      const value = bindings.get(name);
      if (value === undefined) throw new RangeError(`no value is given for the size ${name}`);
      return value;
    },
    add: (a, b) => a + b,
    // Adding 0 turns -0 into 0.
    multiply: (a, b) => a * b + 0,
    floorDivide: (a, b) => Math.floor(a / b) + 0,
    max: (a, b) => Math.max(a, b),
    broadcast(a, b) {
      if (a !== b && a !== 1 && b !== 1) throw new RangeError(`sizes ${a} and ${b} cannot be broadcast`);
      return a === 1 ? b : a;
    },
  });
}

/** The size with expressions in place of some symbols. */
export function substitute(size: Dim, replacements: ReadonlyMap<string, DimLike>): Dim {
  return fold<Dim>(size, {
    integer: (value) => integer(value),
    symbol: (name) => dim(replacements.get(name) ?? name),
    add: (a, b) => add(a, b),
    multiply: (a, b) => multiply(a, b),
    floorDivide: (a, b) => floorDivide(a, b),
    max: (a, b) => max(a, b),
    broadcast: (a, b) => broadcast(a, b),
  });
}

/** What {@link fold} does at each kind of expression. */
export interface DimFold<T> {
  integer(value: number): T;
  symbol(name: string): T;
  add(a: T, b: T): T;
  multiply(a: T, b: T): T;
  floorDivide(a: T, b: T): T;
  max(a: T, b: T): T;
  broadcast(a: T, b: T): T;
  /** Asked first for every expression; not null where the whole of it is at hand already. */
  known?(size: Dim): T | null;
}

/** Compute something from a size's parts upwards: a number, the text, or the nodes that compute it at run time. */
export function fold<T>(size: Dim, at: DimFold<T>): T {
  const known = at.known?.(size) ?? null;
  if (known !== null) return known;
  const atomValue = (atom: Atom): T => {
    const whole = at.known?.(fromAtom(atom)) ?? null;
    if (whole !== null) return whole;
    switch (atom.kind) {
      case "symbol":
        return at.symbol(atom.name);
      case "floor":
        return at.floorDivide(fold(atom.of, at), fold(atom.by, at));
      case "max":
        return atom.of.map((part) => fold(part, at)).reduce((a, b) => at.max(a, b));
      case "broadcast":
        return atom.of.map((part) => fold(part, at)).reduce((a, b) => at.broadcast(a, b));
      default:
        return atom satisfies never;
    }
  };
  const termValue = (term: Term): T => {
    const { coefficient, atoms } = term;
    const whole = at.known?.(Dim.fromTerms([term])) ?? null;
    if (whole !== null) return whole;
    const values = atoms.map(atomValue);
    const factors = coefficient === 1 && values.length > 0 ? values : [at.integer(coefficient), ...values];
    return factors.reduce((a, b) => at.multiply(a, b));
  };
  if (size.terms.length === 0) return at.integer(0);
  return size.terms.map(termValue).reduce((a, b) => at.add(a, b));
}

/** The product of all sizes of a shape. */
export function elementsOf(shape: readonly Dim[]): Dim {
  return multiply(...shape);
}

/** A shape as people read it: `[batch, 28, 28, 1]`. */
export function showShape(shape: readonly Dim[] | null): string {
  return shape === null ? "of unknown rank" : `[${shape.map(show).join(", ")}]`;
}
