/** Mean loss (nats) and accuracy (0 to 1) of one epoch: on what was trained on, and on one part kept apart. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Present where there is no validation part. */
  readonly testLoss?: number;
  readonly testAccuracy?: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  /** Of lines: wrong, missing and added characters of the part kept apart, for each one of its labels. */
  readonly characterErrors?: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  readonly msPerStep: number;
}

/** The epoch that scored best on the validation part: most right, and of several the lowest loss, then the first. */
export function bestOf(history: readonly EpochRecord[]): EpochRecord | undefined {
  return history.reduce<EpochRecord | undefined>(
    (best, record) => (best === undefined || isBetter(record, best) ? record : best),
    undefined,
  );
}

function isBetter(one: EpochRecord, other: EpochRecord): boolean {
  const difference = (one.validationAccuracy ?? 0) - (other.validationAccuracy ?? 0);
  if (difference !== 0) return difference > 0;
  return (one.validationLoss ?? Infinity) < (other.validationLoss ?? Infinity);
}

/** The score of the part kept apart, whichever it is. */
export function heldOut(record: EpochRecord): { readonly loss: number; readonly accuracy: number } {
  const { validationLoss, validationAccuracy, testLoss, testAccuracy } = record;
  return {
    loss: validationLoss ?? testLoss ?? Number.NaN,
    accuracy: validationAccuracy ?? testAccuracy ?? Number.NaN,
  };
}
