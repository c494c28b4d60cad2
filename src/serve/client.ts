/** Who waits for an answer. */
export interface Client {
  /** It went away before it had its answer. */
  readonly isGone: boolean;
  /** Call the listener when the client goes away. @returns what takes the listener off */
  onGone(listener: () => void): () => void;
}
