import { TrainError } from "../../errors.ts";
import type { UpdateRule } from "./optimizer.ts";
import type { Problem } from "./problem.ts";
import type { Tensor, TensorFlow, Variable, VariableState } from "./types.ts";
import { at, valueOf } from "../../require.ts";

/** A place beside the tf.Variables that can hold values of variables: the session of one compiled function. */
export interface Holder {
  /** New tensors with the values that the entries have here. */
  read(entries: readonly number[]): Tensor[];
}

/** A variable of training: a weight, a slot of the optimizer, or a moving average. */
export interface Entry {
  readonly name: string;
  readonly variable: Variable;
}

/** The entries that belong to one trainable weight, as indices into the ledger. */
export interface TrainedWeight {
  readonly weight: number;
  readonly slots: readonly number[];
  readonly average: number | undefined;
  readonly decays: boolean;
}

/**
 * All variables of a training run, and where the newest value of each is: in its tf.Variable ("at home") or in the
 * session that last wrote it. Values move only when somebody asks for them.
 */
export class Ledger {
  readonly entries: readonly Entry[];
  readonly trained: readonly TrainedWeight[];
  /** The indices of all entries. */
  readonly all: readonly number[];
  /** How many of the entries, at the front, are the problem's own variables. */
  readonly ownCount: number;
  readonly #tf: TensorFlow;
  readonly #versions: number[];
  readonly #homeVersions: number[];
  readonly #homeData: object[];
  readonly #newest: (Holder | undefined)[];
  #shown: Map<number, Tensor> | undefined;

  constructor(
    tf: TensorFlow,
    problem: Problem,
    rule: UpdateRule,
    keeps: { readonly average: boolean; readonly decays: (variable: Variable) => boolean },
  ) {
    this.#tf = tf;
    const entries: Entry[] = problem.variables.map((variable, index) => ({
      name: problem.names[index] ?? variable.name,
      variable,
    }));
    this.ownCount = entries.length;
    const add = (name: string, initial: () => Tensor): number => {
      entries.push({ name, variable: tf.tidy(() => tf.variable(initial(), false)) });
      return entries.length - 1;
    };
    const weights = problem.trainable.map((variable) => problem.variables.indexOf(variable));
    const nameOf = (weight: number): string => entries[weight]?.name ?? String(weight);
    const slots = weights.map((weight, index) =>
      rule.slots.map(({ name, initial }) =>
        add(`${nameOf(weight)}/${name}`, () => tf.fill(at(problem.trainable, index).shape, initial)),
      ),
    );
    const averages = weights.map((weight, index) =>
      keeps.average ? add(`${nameOf(weight)}/average`, () => copyOf(tf, problem.trainable[index])) : undefined,
    );
    this.trained = weights.map((weight, index) => ({
      weight,
      slots: at(slots, index),
      average: averages[index],
      decays: keeps.decays(at(problem.trainable, index)),
    }));
    this.entries = entries;
    unshare(tf, entries);
    this.all = [...entries.keys()];
    this.#versions = entries.map(() => 0);
    this.#homeVersions = entries.map(() => 0);
    this.#homeData = entries.map(({ variable }) => variable.dataId);
    this.#newest = entries.map(() => undefined);
  }

  variable(entry: number): Variable {
    return at(this.entries, entry).variable;
  }

  /** Grows with every write of the entry, wherever it happens. */
  version(entry: number): number {
    return at(this.#versions, entry);
  }

  /** The newest values, at home or in a session. The caller disposes of them. */
  newest(entries: readonly number[]): Tensor[] {
    const values = new Map<number, Tensor>();
    for (const holder of new Set(entries.map((entry) => this.#newest[entry]))) {
      const held = entries.filter((entry) => this.#newest[entry] === holder);
      const read = holder?.read(held) ?? held.map((entry) => this.variable(entry).clone());
      held.forEach((entry, index) => values.set(entry, at(read, index)));
    }
    return entries.map((entry) => valueOf(values, entry));
  }

  /** @param holder whose session has just written the entries */
  wrote(entries: readonly number[], holder: Holder): void {
    for (const entry of entries) {
      this.#versions[entry] = at(this.#versions, entry) + 1;
      this.#newest[entry] = holder;
    }
  }

  /** Makes the tf.Variables the newest, as after an eager step or an assignment from outside. */
  wroteAtHome(entries: readonly number[]): void {
    for (const entry of entries) {
      const version = at(this.#versions, entry) + 1;
      this.#versions[entry] = version;
      this.#homeVersions[entry] = version;
      this.#homeData[entry] = this.variable(entry).dataId;
      this.#newest[entry] = undefined;
    }
  }

  /** Takes notice of tf.Variables that somebody else assigned since they were last looked at. */
  noticeAssignments(): void {
    this.hideAverages();
    const assigned: number[] = [];
    for (let entry = 0; entry < this.ownCount; entry++) {
      if (this.variable(entry).dataId !== this.#homeData[entry]) assigned.push(entry);
    }
    this.wroteAtHome(assigned);
  }

  /** Brings the newest values into the tf.Variables. */
  bringHome(entries: readonly number[] = this.all): void {
    this.noticeAssignments();
    const stale = entries.filter((entry) => this.#homeVersions[entry] !== this.#versions[entry]);
    const values = this.newest(stale);
    stale.forEach((entry, index) => {
      assign(this.variable(entry), at(values, index));
      this.#homeVersions[entry] = at(this.#versions, entry);
      this.#homeData[entry] = this.variable(entry).dataId;
    });
  }

  /** For each entry the one to take values from so that trainable weights are their averages. */
  averageSource(): (entry: number) => number {
    const sources = new Map(this.trained.map(({ weight, average }) => [weight, average]));
    if (this.trained.some(({ average }) => average === undefined)) throw noAverage();
    return (entry) => sources.get(entry) ?? entry;
  }

  /** Puts the moving averages into the trainable tf.Variables until `hideAverages`. */
  showAverages(): void {
    this.bringHome();
    const kept = new Map<number, Tensor>();
    for (const { weight, average } of this.trained) {
      if (average === undefined) throw noAverage();
      kept.set(weight, this.#tf.keep(this.variable(weight).clone()));
      assign(this.variable(weight), copyOf(this.#tf, this.variable(average)));
    }
    this.#shown = kept;
  }

  hideAverages(): void {
    const shown = this.#shown;
    if (shown === undefined) return;
    this.#shown = undefined;
    for (const [weight, value] of shown) {
      assign(this.variable(weight), value);
      this.#homeData[weight] = this.variable(weight).dataId;
    }
  }

  /** Copies of all values, in order. */
  snapshot(): VariableState[] {
    this.bringHome();
    return this.entries.map(({ name, variable }) => ({ name, shape: [...variable.shape], values: valuesOf(variable) }));
  }

  /** @throws TrainError if names, shapes or number of the variables differ */
  restore(states: readonly VariableState[]): void {
    this.hideAverages();
    if (states.length !== this.entries.length) {
      throw otherNetwork(`it has ${states.length} variables, training has ${this.entries.length}`);
    }
    this.entries.forEach(({ name, variable }, index) => checkState(at(states, index), name, variable));
    this.entries.forEach(({ variable }, index) => {
      const { values, shape } = at(states, index);
      assign(variable, this.#tf.tensor(values.slice(), [...shape], variable.dtype));
    });
    this.wroteAtHome(this.all);
  }

  /** Frees the slots and averages; the problem's own variables stay. */
  dispose(): void {
    this.hideAverages();
    for (const { variable } of this.entries.slice(this.ownCount)) variable.dispose();
  }
}

/** Gives variables that were made of the same tensor data of their own. */
function unshare(tf: TensorFlow, entries: readonly Entry[]): void {
  const seen = new Set<object>();
  for (const { variable } of entries) {
    if (seen.has(variable.dataId)) {
      assign(variable, tf.tensor(variable.dataSync().slice(), [...variable.shape], variable.dtype));
    }
    seen.add(variable.dataId);
  }
}

function assign(variable: Variable, value: Tensor): void {
  variable.assign(value);
  value.dispose();
}

/** In memory of its own: a clone would share its data, by which the recorder tells variables apart. */
function copyOf(tf: TensorFlow, variable: Variable | undefined): Tensor {
  return variable === undefined ? tf.zeros([]) : tf.mul(variable, 1);
}

function valuesOf(variable: Variable): VariableState["values"] {
  const values = variable.dataSync<"float32" | "int32" | "bool">();
  return values.slice();
}

function checkState(state: VariableState, name: string, variable: Variable): void {
  const expected = variable.shape.join(" x ");
  const found = state.shape.join(" x ");
  if (expected !== found) {
    throw otherNetwork(`variable ${name} is [${expected}], the state has ${state.name} [${found}] in its place`);
  }
  if (state.values.length !== variable.size) {
    throw otherNetwork(`variable ${name} has ${variable.size} values, the state has ${state.values.length}`);
  }
}

function noAverage(): TrainError {
  return new TrainError("there is no moving average of the weights", { hint: "set averageDecay" });
}

function otherNetwork(difference: string): TrainError {
  return new TrainError(`the saved training state is of another network or optimizer: ${difference}`, {
    hint: "start afresh, or go on with the network and the optimizer that it was saved with",
  });
}
