/** Every path of classes through the steps, with the text that it spells: repeats are merged, then blanks (the last class) removed. */
export function* pathsThrough(steps: number, classes: number): Generator<{ path: number[]; label: number[] }> {
  for (let code = 0; code < classes ** steps; code++) {
    const path = Array.from({ length: steps }, (_, step) => Math.floor(code / classes ** step) % classes);
    const label = path.filter((symbol, step) => symbol !== classes - 1 && symbol !== path[step - 1]);
    yield { path, label };
  }
}

/** Probability of each text, by its classes joined with commas: the sum over all paths. */
export function textProbabilities(probabilities: readonly (readonly number[])[]): Map<string, number> {
  const classes = probabilities[0]?.length ?? 0;
  const texts = new Map<string, number>();
  for (const { path, label } of pathsThrough(probabilities.length, classes)) {
    const probability = path.reduce((product, symbol, step) => product * Number(probabilities[step]?.[symbol]), 1);
    texts.set(label.join(), (texts.get(label.join()) ?? 0) + probability);
  }
  return texts;
}

/** Rows of random probabilities, the same for a seed. */
export function randomRows(steps: number, classes: number, seed: number, sharpness = 3): number[][] {
  let state = seed * 7919 + 17;
  const unit = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  return Array.from({ length: steps }, () => {
    const weights = Array.from({ length: classes }, () => Math.exp(sharpness * unit()));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}
