/** Runs tasks one after the other, in the order they came. A failed task does not hold up the next. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task);
    this.#last = result.then(nothing, nothing);
    return result;
  }
}

function nothing(): void {
  // The caller of `run` holds the promise that tells of a failure.
}
