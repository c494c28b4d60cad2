/** How far rounded numbers are from the numbers they stand for. */
export class Loss {
  #error = 0;
  #whole = 0;

  add(value: number, rounded: number): void {
    // Infinities and NaN that stay what they are lose nothing.
    if (Object.is(value, rounded)) {
      if (Number.isFinite(value)) this.#whole += value * value;
      return;
    }
    this.#error += (value - rounded) ** 2;
    this.#whole += value * value;
  }

  /** Root mean square of the error, relative to that of the numbers; 0 where there is no error. */
  get relative(): number {
    return this.#error === 0 ? 0 : Math.sqrt(this.#error / this.#whole);
  }
}
