import { TrainError } from "../../errors.ts";
import { applyUpdates, gradientsOf, numbersOf, scalarsOf, splitScalars } from "./eager.ts";
import { Ledger } from "./ledger.ts";
import { ruleOfConfig, ruleOfOptimizer, type UpdateRule } from "./optimizer.ts";
import { listOf, type Problem, problemOf } from "./problem.ts";
import { withSeededRandom } from "./random.ts";
import type {
  CompiledStep,
  CompileOptions,
  StepMode,
  StepResult,
  StepState,
  Tensor,
  TensorFlow,
  Tensors,
  UseWeights,
} from "./types.ts";

/**
 * Prepares training steps of a model or of functions.
 *
 * @param tf TF.js with its backend ready; tfjs-node for compiled steps
 * @throws TrainError if a variable, a loss or the optimizer cannot be used
 */
export function compileStep(tf: TensorFlow, options: CompileOptions): CompiledStep {
  return new Step(tf, options);
}

class Step implements CompiledStep {
  readonly #tf: TensorFlow;
  readonly #problem: Problem;
  readonly #rule: UpdateRule;
  readonly #ledger: Ledger;
  readonly #clipNorm: number | undefined;
  readonly #weightDecay: number;
  readonly #averageDecay: number;
  readonly #reason: string | undefined;
  #seed: number;
  #stepCount = 0;
  learningRate: number;

  constructor(tf: TensorFlow, options: CompileOptions) {
    this.#tf = tf;
    this.#problem = problemOf(tf, options);
    this.#rule =
      "name" in options.optimizer ? ruleOfConfig(tf, options.optimizer) : ruleOfOptimizer(tf, options.optimizer);
    this.#clipNorm = options.clipNorm;
    this.#weightDecay = options.weightDecay ?? 0;
    this.#averageDecay = options.averageDecay ?? 0;
    this.#seed = options.seed ?? 0;
    this.learningRate = this.#rule.learningRate;
    const decays = options.decays ?? (({ rank }): boolean => rank > 1);
    this.#ledger = new Ledger(tf, this.#problem, this.#rule, {
      average: options.averageDecay !== undefined,
      decays: (variable) => this.#weightDecay > 0 && decays(variable),
    });
    this.#reason = options.mode === "eager" ? "it was asked to" : "compiling is not built yet";
  }

  get mode(): StepMode {
    return "eager";
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  step(xs: Tensors, ys: Tensors): StepResult {
    this.#ledger.bringHome();
    const result = this.#eagerStep(listOf(xs), listOf(ys));
    this.#ledger.wroteAtHome(this.#ledger.all);
    this.#stepCount++;
    return result;
  }

  #eagerStep(xs: readonly Tensor[], ys: readonly Tensor[]): StepResult {
    const tf = this.#tf;
    const scalars = scalarsOf(this.#rule, this.#stepCount + 1, this.learningRate, {
      weightDecay: this.#weightDecay,
      averageDecay: this.#averageDecay,
    });
    return withSeededRandom(this.#seed, this.#stepCount, () =>
      scoped(tf, () => {
        const { loss, metrics, gradients } = gradientsOf(tf, this.#problem, xs, ys, this.#clipNorm);
        applyUpdates(this.#ledger, this.#rule, gradients, splitScalars(tf, tf.tensor1d(scalars)));
        return numbersOf(loss, metrics);
      }),
    );
  }

  evaluate(xs: Tensors, ys: Tensors, use: UseWeights = {}): StepResult {
    this.#show(use);
    return scoped(this.#tf, () => {
      const { loss, metrics = {} } = this.#problem.lossOf(listOf(xs), listOf(ys), false);
      return numbersOf(loss, metrics);
    });
  }

  predict(xs: Tensors, use: UseWeights = {}): Tensor[] {
    this.#show(use);
    return this.#tf.tidy(() => [...this.#problem.outputsOf(listOf(xs))]);
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
    return {
      step: this.#stepCount,
      seed: this.#seed,
      learningRate: this.learningRate,
      optimizer: this.#rule.name,
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
  }

  dispose(): void {
    this.#ledger.bringHome();
    this.#ledger.dispose();
  }
}

/** tf.tidy for a function that returns plain data. */
function scoped<T>(tf: TensorFlow, run: () => T): T {
  tf.engine().startScope();
  try {
    return run();
  } finally {
    tf.engine().endScope();
  }
}
