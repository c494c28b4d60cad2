/** Tells the caller of something; see {@link DropInOptions.onNote}. */
export type Tell = (note: string) => void;

const told = new Set<string>();

/**
 * Where warnings go. TF.js's own loader warns on the console, so this does where the caller has no place for them; each once, since a
 * program may load many models.
 */
export function warner(onNote: Tell | undefined): Tell {
  if (onNote !== undefined) return onNote;
  return (note) => {
    if (told.has(note)) return;
    told.add(note);
    console.warn(`tfjs-to-onnx: ${note}`);
  };
}

/** What `summary` prints with when it is given no function, as in TF.js. */
export function print(line: string): void {
  console.log(line);
}
