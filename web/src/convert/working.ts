import { element } from "./dom.ts";
import { JobError, runJob } from "./job.ts";
import type { Answers, Problem, Progress, Request } from "./messages.ts";

/** Work that ends sooner than this shows no progress bar. */
const SHOWN_AFTER_MS = 400;

/** Asks a worker, for as long as the task that it was given to is not cancelled. */
export type Ask = <Kind extends Request["kind"]>(
  request: Extract<Request, { kind: Kind }>,
  label?: string,
) => Promise<Answers[Kind]>;

/** The one task that runs at a time, its progress bar and its button to cancel. A new task cancels the one before. */
export class Working {
  readonly #box = element("working", HTMLElement);
  readonly #task = element("task", HTMLElement);
  readonly #bar = element("progress", HTMLProgressElement);
  readonly #say: (text: string) => void;
  #running: AbortController | null = null;

  constructor(say: (text: string) => void) {
    this.#say = say;
    element("cancel", HTMLButtonElement).addEventListener("click", () => this.cancel());
  }

  cancel(): void {
    this.#running?.abort(new Cancelled());
  }

  /**
   * Run a task. What goes wrong is told in a box of its section.
   *
   * @param back Where the focus goes if the task is cancelled by the keyboard.
   */
  async run(problem: HTMLElement, back: HTMLElement, task: (ask: Ask) => Promise<void>): Promise<void> {
    this.cancel();
    const controller = new AbortController();
    this.#running = controller;
    tellProblem(problem, null);
    const shown = setTimeout(() => {
      this.#box.hidden = false;
      this.#say(this.#task.textContent);
    }, SHOWN_AFTER_MS);
    this.#show({ kind: "progress", task: "Starting", done: 0, of: null }, "");
    try {
      await task((request, label = "") =>
        runJob(request, (progress) => this.#show(progress, label), controller.signal),
      );
    } catch (error) {
      if (error instanceof Cancelled) {
        if (this.#running === controller) this.#say("Cancelled");
        if (document.activeElement === document.body || this.#box.contains(document.activeElement)) back.focus();
      } else {
        tellProblem(problem, problemOf(error));
      }
    } finally {
      clearTimeout(shown);
      if (this.#running === controller) {
        this.#running = null;
        this.#box.hidden = true;
      }
    }
  }

  #show({ task, done, of }: Progress, label: string): void {
    this.#task.textContent = label === "" ? task : `${label}: ${task.toLowerCase()}`;
    if (of === null || of <= 0) {
      this.#bar.removeAttribute("value");
    } else {
      this.#bar.max = of;
      this.#bar.value = Math.min(done, of);
    }
  }
}

class Cancelled extends Error {}

function problemOf(error: unknown): Problem {
  if (error instanceof JobError) return error.problem;
  return { message: error instanceof Error ? error.message : String(error), hint: undefined };
}

/** Say what went wrong in a section, or that nothing is wrong any more. */
export function tellProblem(box: HTMLElement, problem: Problem | null): void {
  box.hidden = problem === null;
  if (problem === null) {
    box.replaceChildren();
    return;
  }
  const message = document.createElement("strong");
  message.textContent = problem.message;
  const hint = document.createElement("span");
  hint.textContent = problem.hint ?? "";
  box.replaceChildren(message, ...(problem.hint === undefined ? [] : ["\n", hint]));
  box.scrollIntoView({ block: "nearest" });
}
