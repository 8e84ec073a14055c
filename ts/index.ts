// The public surface: what `import … from "belle-train"` gives. Names are stable.

export type { GenerateOptions } from "./model/generate_options.ts";
export type { Backend, DeviceOptions, LoadOptions } from "./model/load_options.ts";
export type {
  ForwardInput,
  ForwardOptions,
  ForwardResult,
  Parameter,
  ResizeOptions,
  SaveOptions,
} from "./model/model.ts";
export { Model } from "./model/model.ts";
export type { BelleErrorCode, BelleErrorOptions } from "./native/errors.ts";
export { BelleError, errorCodes } from "./native/errors.ts";
export type { MergeMode, MergeOptions, MergeReport } from "./tokenizer/merge_vocabulary.ts";
export { mergeVocabulary } from "./tokenizer/merge_vocabulary.ts";
export type { CamelCaseSentencePieceOptions, SentencePieceOptions } from "./tokenizer/sentencepiece_options.ts";
export type { EncodedBatch, EncodeOptions, Piece, TokenizerInfo } from "./tokenizer/tokenizer.ts";
export { Tokenizer } from "./tokenizer/tokenizer.ts";
export type { TrainBpeOptions, TrainBpeProgress } from "./tokenizer/train_bpe.ts";
export { trainBpe } from "./tokenizer/train_bpe.ts";
export type { TrainConfig } from "./train/train_config.ts";
export type { RunOptions, TrainBatch, TrainData, TrainEvent, TrainerOptions } from "./train/trainer.ts";
export { Trainer } from "./train/trainer.ts";
