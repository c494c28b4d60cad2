const TICK_MS = 1000;

/**
 * Tells when an answer is late. Counts the seconds in which the page ran: time that a sleeping computer or a page in the
 * background lost is nobody's lateness.
 */
export class Patience {
  #timer: ReturnType<typeof setInterval> | undefined;

  start(seconds: number, late: () => void): void {
    this.stop();
    let left = seconds;
    this.#timer = setInterval(() => {
      if (--left > 0) return;
      this.stop();
      late();
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
