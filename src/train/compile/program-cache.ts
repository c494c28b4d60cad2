import type { Ledger } from "./ledger.ts";
import type { Program } from "./program.ts";
import type { Batch } from "./training.ts";
import type { ProgramReport } from "./types.ts";

/** Sessions are kept for this many shapes of batches; the one not used for longest goes first. */
const LIMIT = 24;

/** Compiled forms of one function, by the shapes of the batch. */
export class ProgramCache<T extends { readonly program: Program }> {
  readonly #what: ProgramReport["what"];
  readonly #ledger: Ledger;
  readonly #onNote: (note: string) => void;
  readonly #byShape = new Map<string, T>();
  readonly #refusal: string | undefined;
  #failure: string | undefined;
  #warned = false;

  /** @param refusal why nothing is to be compiled, if so */
  constructor(
    what: ProgramReport["what"],
    refusal: string | undefined,
    ledger: Ledger,
    onNote: (note: string) => void,
  ) {
    this.#what = what;
    this.#refusal = refusal;
    this.#ledger = ledger;
    this.#onNote = onNote;
  }

  /** Why the function runs eagerly, if it does. */
  get reason(): string | undefined {
    return this.#refusal ?? this.#failure;
  }

  /** Why compiling failed, if it was tried and did. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Runs eagerly from now on. @param failure that another run met with, in words that finish "because ..." */
  giveUp(failure: string): void {
    if (this.reason !== undefined) return;
    this.#failure = failure;
    this.#onNote(`${this.#what} runs op by op, because ${failure}`);
  }

  get reports(): ProgramReport[] {
    return [...this.#byShape].map(([batch, { program }]) => ({
      what: this.#what,
      batch,
      nodes: program.nodeCount,
      passes: program.passCounts,
    }));
  }

  /** @returns undefined if the function must run eagerly */
  get(batch: Batch, compile: () => T): T | undefined {
    if (this.reason !== undefined) return undefined;
    const key = keyOfBatch(batch);
    const known = this.#byShape.get(key);
    this.#byShape.delete(key);
    const compiled = known ?? this.#tryTo(compile);
    if (compiled !== undefined) this.#byShape.set(key, compiled);
    return compiled;
  }

  #tryTo(compile: () => T): T | undefined {
    this.#ledger.bringHome();
    this.#makeRoom();
    try {
      return compile();
    } catch (error) {
      this.giveUp(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #makeRoom(): void {
    const [oldest] = this.#byShape;
    if (oldest === undefined || this.#byShape.size < LIMIT) return;
    if (!this.#warned) {
      this.#warned = true;
      this.#onNote(
        `${this.#what} is compiled again for every shape of batch, and there are more than ${LIMIT}: pad to fewer`,
      );
    }
    this.#byShape.delete(oldest[0]);
    oldest[1].program.dispose();
  }

  dispose(): void {
    for (const { program } of this.#byShape.values()) program.dispose();
    this.#byShape.clear();
  }
}

function keyOfBatch({ xs, ys }: Batch): string {
  return `${keyOfTensors(xs)} -> ${keyOfTensors(ys)}`;
}

function keyOfTensors(tensors: Batch["xs"]): string {
  return tensors.map(({ dtype, shape }) => `${dtype}[${shape.join(",")}]`).join(" ");
}
