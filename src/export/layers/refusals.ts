const OPERATION = "it is an operation of TensorFlow among the layers, which TF.js cannot load either";
const NO_WEIGHTS = "TF.js saves it without its weights";
const STRINGS = "it works on strings, before a model";
const UNFINISHED = "TF.js has no working implementation of it";
const CELL = "a cell is converted within the RNN that runs it, not as a layer by itself";

/** Classes that are not converted, each with the reason. */
export const refusals: ReadonlyMap<string, string> = new Map([
  ["Lambda", "it holds a function written in Python, which TF.js cannot load either"],
  ["TFOpLambda", OPERATION],
  ["SlicingOpLambda", OPERATION],
  ["TensorFlowOpLayer", OPERATION],
  ["SimpleRNNCell", CELL],
  ["GRUCell", CELL],
  ["LSTMCell", CELL],
  ["ConvLSTM2DCell", CELL],
  ["StackedRNNCells", CELL],
  ["MultiHeadAttention", `${NO_WEIGHTS} and without its value, so that it cannot be loaded again`],
  ["CachedMultiHeadAttention", `${NO_WEIGHTS} and without its value, so that it cannot be loaded again`],
  ["TransformerDecoder", NO_WEIGHTS],
  ["StartEndPacker", "it takes and gives lists of tensors of any lengths"],
  ["BytePairTokenizer", STRINGS],
  ["GPT2Tokenizer", STRINGS],
  ["Preprocessor", STRINGS],
  ["GPT2Preprocessor", STRINGS],
  ["GPT2CausalLMPreprocessor", UNFINISHED],
  ["Backbone", UNFINISHED],
  ["GPT2Backbone", UNFINISHED],
  ["GPT2CausalLM", UNFINISHED],
]);
