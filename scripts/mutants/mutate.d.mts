/** A change of one token. */
export interface Mutant {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Index of the first changed character. */
  readonly start: number;
  readonly from: string;
  readonly to: string;
}

/** Every place of a TypeScript source where one token can be changed. Types and imports stay as they are. */
export function mutantsOf(file: string, text: string): Mutant[];

/** The source with the change. */
export function applied(text: string, mutant: Mutant): string;

/** `wanted` elements, each at most once; the same ones for the same seed. */
export function sample<T>(all: readonly T[], wanted: number, seed: number): T[];
