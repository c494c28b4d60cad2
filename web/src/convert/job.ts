import type { Answers, Problem, Progress, Request, Response } from "./messages.ts";

type RequestOf<Kind extends Request["kind"]> = Extract<Request, { kind: Kind }>;

/** A request that the worker could not answer. */
export class JobError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/**
 * Let a worker of its own answer a request, so that the page never waits, and everything it took is free afterwards.
 *
 * @throws {JobError} when it cannot. @throws what the signal was aborted with
 */
export async function runJob<Kind extends Request["kind"]>(
  request: RequestOf<Kind> & { readonly kind: Kind },
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Answers[Kind]> {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Answers[Kind]>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.addEventListener("message", ({ data }: MessageEvent<Response>) => {
        if (data.kind === "progress") onProgress(data);
        else if (data.kind === "failed") reject(new JobError(data.problem));
        else if (isAnswerTo(request.kind, data.answer)) resolve(data.answer);
        else
          reject(new JobError({ message: `the worker answered something else than ${request.kind}`, hint: undefined }));
      });
      worker.addEventListener("error", (event) => reject(new JobError(ended(event))));
      worker.postMessage(request, []);
    });
  } finally {
    worker.terminate();
  }
}

/** A property that only the answers of one kind have. */
const MARKS = { open: "model", convert: "onnx", check: "passed", measure: "medianMs" } as const;

function isAnswerTo<Kind extends Request["kind"]>(kind: Kind, answer: Answers[keyof Answers]): answer is Answers[Kind] {
  return MARKS[kind] in answer;
}

/** A worker whose script does not load says nothing of why. */
function ended(event: Event): Problem {
  return event instanceof ErrorEvent && event.message !== ""
    ? { message: `the converter stopped: ${event.message}`, hint: "try again; a large model may need more memory" }
    : {
        message: "the converter does not load: its script could not be fetched",
        hint: "check the network, and load the page again",
      };
}
