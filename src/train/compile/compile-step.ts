import { TrainError } from "../../errors.ts";
import { checkOptions, type OptionNames } from "../../options.ts";
import { applyUpdates, gradientsOf, numbersOf, scalarsOf, splitScalars } from "./eager.ts";
import { Ledger } from "./ledger.ts";
import { nativeBackendOf } from "./native.ts";
import { ruleOfConfig, ruleOfOptimizer, type UpdateRule } from "./optimizer.ts";
import { listOf, type Problem, problemOf } from "./problem.ts";
import { ProgramCache } from "./program-cache.ts";
import type { Program } from "./program.ts";
import { withSeededRandom } from "./random.ts";
import { scoped } from "./scope.ts";
import {
  type Batch,
  type Compiled,
  compilePure,
  compileTraining,
  feedsOfBatch,
  runTraining,
  type Workshop,
} from "./training.ts";
import type {
  CompiledStep,
  CompileOptions,
  ProgramReport,
  StepMode,
  StepResult,
  StepState,
  Tensor,
  TensorFlow,
  Tensors,
  UseWeights,
} from "./types.ts";

const COMPILE_OPTIONS: OptionNames<CompileOptions> = {
  optimizer: true,
  seed: true,
  clipNorm: true,
  weightDecay: true,
  decays: true,
  averageDecay: true,
  mode: true,
  tolerance: true,
  compare: true,
  onNote: true,
  model: true,
  loss: true,
  metrics: true,
  labelSmoothing: true,
  variables: true,
  trainable: true,
  lossFunction: true,
  predictFunction: true,
};

/**
 * Prepares training steps of a model or of functions.
 *
 * @param tf TF.js with its backend ready; tfjs-node for compiled steps
 * @throws TrainError if a variable, a loss or the optimizer cannot be used
 * @throws TypeError for an option that there is not
 */
export function compileStep(tf: TensorFlow, options: CompileOptions): CompiledStep {
  checkOptions("compileStep", options, COMPILE_OPTIONS);
  return new Step(tf, options);
}

interface Evaluation {
  readonly program: Program;
  readonly metricNames: readonly string[];
}

class Step implements CompiledStep {
  readonly #tf: TensorFlow;
  readonly #problem: Problem;
  readonly #rule: UpdateRule;
  readonly #ledger: Ledger;
  readonly #clipNorm: number | undefined;
  readonly #decays: { readonly weightDecay: number; readonly averageDecay: number };
  readonly #workshop: Workshop | undefined;
  readonly #training: ProgramCache<Compiled>;
  readonly #evaluations: ProgramCache<Evaluation>;
  readonly #predictions: ProgramCache<Evaluation>;
  #seed: number;
  #stepCount = 0;
  learningRate: number;

  constructor(tf: TensorFlow, options: CompileOptions) {
    this.#tf = tf;
    this.#problem = problemOf(tf, options);
    this.#rule =
      "name" in options.optimizer ? ruleOfConfig(tf, options.optimizer) : ruleOfOptimizer(tf, options.optimizer);
    this.#clipNorm = options.clipNorm;
    const { weightDecay = 0, averageDecay = 0 } = options;
    this.#decays = { weightDecay, averageDecay };
    this.#seed = options.seed ?? 0;
    this.learningRate = this.#rule.learningRate;
    const decays = options.decays ?? (({ rank }): boolean => rank > 1);
    this.#ledger = new Ledger(tf, this.#problem, this.#rule, {
      average: options.averageDecay !== undefined,
      decays: (variable) => weightDecay > 0 && decays(variable),
    });

    const backend = nativeBackendOf(tf);
    const refusal = refusalOf(options, this.#problem, typeof backend === "string" ? backend : undefined);
    this.#workshop =
      typeof backend === "string" || refusal !== undefined
        ? undefined
        : {
            tf,
            backend,
            problem: this.#problem,
            rule: this.#rule,
            ledger: this.#ledger,
            clipNorm: this.#clipNorm,
            tolerance: options.tolerance ?? 1e-3,
            isCompared: () => options.compare !== "first" || this.#training.reports.length === 0,
          };
    const cache = <T extends { readonly program: Program }>(what: ProgramReport["what"]): ProgramCache<T> =>
      new ProgramCache<T>(what, refusal, this.#ledger, options.onNote ?? ((): void => undefined));
    this.#training = cache("training");
    this.#evaluations = cache("evaluation");
    this.#predictions = cache("prediction");
    if (refusal !== undefined && options.mode !== "eager")
      options.onNote?.(`everything runs op by op, because ${refusal}`);
  }

  get mode(): StepMode {
    return this.#training.reason === undefined ? "graph" : "eager";
  }

  get reason(): string | undefined {
    return this.#training.reason;
  }

  get programs(): ProgramReport[] {
    return [this.#training, this.#evaluations, this.#predictions].flatMap(({ reports }) => reports);
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  step(xs: Tensors, ys: Tensors): StepResult {
    this.#ledger.noticeAssignments();
    const result = scoped(this.#tf, () => this.#trainOn(batchOf(this.#tf, xs, ys)));
    this.#stepCount++;
    return result;
  }

  #trainOn(batch: Batch): StepResult {
    const tf = this.#tf;
    const scalars = tf.tensor1d(scalarsOf(this.#rule, this.#stepCount + 1, this.learningRate, this.#decays));
    const random = { seed: this.#seed, step: this.#stepCount };
    const workshop = this.#workshop;
    if (workshop === undefined) return this.#trainEagerly(batch, scalars);
    const compiled = this.#training.get(batch, () => compileTraining(workshop, batch, scalars, random));
    if (compiled === undefined) return this.#trainEagerly(batch, scalars);
    return runTraining(workshop, compiled, batch, scalars, random);
  }

  #trainEagerly({ xs, ys }: Batch, scalars: Tensor): StepResult {
    this.#ledger.bringHome();
    const result = withSeededRandom(this.#seed, this.#stepCount, () => {
      const { loss, metrics, gradients } = gradientsOf(this.#tf, this.#problem, xs, ys, this.#clipNorm);
      applyUpdates(this.#ledger, this.#rule, gradients, splitScalars(this.#tf, scalars));
      return numbersOf(loss, metrics);
    });
    this.#ledger.wroteAtHome(this.#ledger.all);
    return result;
  }

  evaluate(xs: Tensors, ys: Tensors, use: UseWeights = {}): StepResult {
    this.#ledger.noticeAssignments();
    return scoped(this.#tf, () => {
      const batch = batchOf(this.#tf, xs, ys);
      const metricNames: string[] = [];
      const run = (): Record<string, Tensor> => {
        const { loss, metrics = {} } = this.#problem.lossOf(batch.xs, batch.ys, false);
        metricNames.splice(0, metricNames.length, ...Object.keys(metrics));
        return {
          loss,
          ...Object.fromEntries(Object.values(metrics).map((metric, index) => [`metric/${index}`, metric])),
        };
      };
      const outputs = this.#compute(this.#evaluations, batch, run, metricNames, use);
      const names = outputs.names;
      const metrics = Object.fromEntries(
        names.flatMap((name, index) => {
          const metric = outputs.tensors[`metric/${index}`];
          return metric === undefined ? [] : [[name, metric]];
        }),
      );
      const { loss } = outputs.tensors;
      if (loss === undefined) throw new TrainError("the loss function returned no loss");
      return numbersOf(loss, metrics);
    });
  }

  predict(xs: Tensors, use: UseWeights = {}): Tensor[] {
    this.#ledger.noticeAssignments();
    return this.#tf.tidy(() => {
      const batch = batchOf(this.#tf, xs, []);
      const run = (): Record<string, Tensor> =>
        Object.fromEntries(this.#problem.outputsOf(batch.xs).map((output, index) => [`output/${index}`, output]));
      return Object.values(this.#compute(this.#predictions, batch, run, [], use).tensors);
    });
  }

  #compute(
    cache: ProgramCache<Evaluation>,
    batch: Batch,
    run: () => Record<string, Tensor>,
    metricNames: string[],
    { average = false }: UseWeights,
  ): { tensors: Record<string, Tensor>; names: readonly string[] } {
    const ledger = this.#ledger;
    const source = average ? ledger.averageSource() : (entry: number): number => entry;
    const workshop = this.#workshop;
    const compiled =
      workshop === undefined
        ? undefined
        : cache.get(batch, () => {
            if (average) ledger.showAverages();
            return { program: compilePure(workshop, batch, run, source), metricNames: [...metricNames] };
          });
    if (compiled !== undefined) {
      ledger.hideAverages();
      compiled.program.synchronise(ledger, source);
      return { tensors: compiled.program.run(ledger, feedsOfBatch(batch)), names: compiled.metricNames };
    }
    this.#show({ average });
    return { tensors: run(), names: metricNames };
  }

  #show({ average = false }: UseWeights): void {
    if (average) this.#ledger.showAverages();
    else this.#ledger.bringHome();
  }

  pull(use: UseWeights = {}): void {
    this.#show(use);
  }

  push(): void {
    this.#ledger.noticeAssignments();
  }

  state(): StepState {
    const { failure } = this.#training;
    return {
      step: this.#stepCount,
      seed: this.#seed,
      learningRate: this.learningRate,
      optimizer: this.#rule.name,
      ...(failure === undefined ? {} : { eagerBecause: failure }),
      variables: this.#ledger.snapshot(),
    };
  }

  setState(state: StepState): void {
    if (state.optimizer !== this.#rule.name) {
      throw new TrainError(`the saved training state is of optimizer ${state.optimizer}, not ${this.#rule.name}`, {
        hint: "go on with the optimizer that it was saved with",
      });
    }
    this.#ledger.restore(state.variables);
    this.#stepCount = state.step;
    this.#seed = state.seed;
    this.learningRate = state.learningRate;
    if (state.eagerBecause !== undefined) this.#training.giveUp(state.eagerBecause);
  }

  dispose(): void {
    this.#ledger.bringHome();
    for (const cache of [this.#training, this.#evaluations, this.#predictions]) cache.dispose();
    this.#ledger.dispose();
  }
}

/**
 * Each tensor with data of its own, by which the recorder tells them apart: an autoencoder's input is its target, too.
 * To be called inside a scope, which disposes of the copies.
 */
function batchOf(tf: TensorFlow, xs: Tensors, ys: Tensors): Batch {
  const seen = new Set<object>();
  const own = (tensor: Tensor): Tensor => {
    const known = seen.has(tensor.dataId);
    seen.add(tensor.dataId);
    return known ? tf.stack([tensor]).reshape(tensor.shape) : tensor;
  };
  return { xs: listOf(xs).map(own), ys: listOf(ys).map(own) };
}

/** Why nothing at all is compiled, if so. */
function refusalOf(options: CompileOptions, problem: Problem, backendFault: string | undefined): string | undefined {
  if (options.mode === "eager") return "it was asked to";
  if (backendFault !== undefined) return backendFault;
  if ("model" in options && options.model.stateful) return "the model's recurrent layers keep state between batches";
  if (problem.trainable.length === 0) return "there is no trainable variable";
  return undefined;
}
