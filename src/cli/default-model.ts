/** The model.json that a command takes when none is named: of the last network trained here, else the shipped one. */
export async function defaultModel(): Promise<string> {
  const { lastTrainedModel } = await import("../node/last-run.ts");
  const trained = await lastTrainedModel();
  if (trained !== null) return trained;
  const { shippedModel } = await import("../node/shipped-models.ts");
  return shippedModel("crnn-mnist", "model.json");
}
