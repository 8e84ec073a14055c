// Model: the weights of one decoder on one backend, and what can be computed with them. One call runs at a time: a
// second one meanwhile throws ERR_BELLE_BUSY; after dispose() every call throws ERR_BELLE_DISPOSED.
import { withSignal } from "../native/abort.ts";
import type { NativeModel, NativeParameter, NativeResizeOptions } from "../native/binding.ts";
import { BelleError, native, nativeAsync } from "../native/errors.ts";
import { binding } from "../native/load.ts";
import { type GenerateOptions, generateRequest } from "./generate_options.ts";
import { type DType, deviceOptions, type LoadOptions } from "./load_options.ts";
import { type Adapter, type LoraOptions, loraOptions } from "./lora_options.ts";

export interface ForwardInput {
  /** [tokens]: documents one after the other. */
  inputIds: Int32Array;
  /** [documents + 1]: where each begins, from 0 to tokens. No token sees another document. */
  cuSeqlens: Int32Array;
  /** [tokens], unshifted as in transformers; −100 = not supervised. A document's first token is never a target. */
  labels?: Int32Array;
}

export interface ForwardOptions {
  /** Return the logits. Default: only when there are no labels. */
  logits?: boolean;
  /** Return the gradients of the loss; needs labels. Default false. */
  gradients?: boolean;
}

export interface ForwardResult {
  /** Sum of the token losses / supervisedTokens; left out without labels, NaN when none is supervised. */
  loss?: number;
  supervisedTokens?: number;
  /** [tokens, vocabSize], row-major. */
  logits?: Float32Array;
  /** By Hugging Face weight name, row-major as the weight; all are views of one buffer. */
  gradients?: Record<string, Float32Array>;
}

export interface ResizeOptions {
  /** New number of rows of the embeddings; not fewer than now. */
  rows: number;
  /** For each new row, in order: ids of the old rows it is made of. MergeReport.subTokens fits as it is. */
  subTokens?: readonly (Uint32Array | readonly number[])[];
  /** Default "subtoken-mean" with subTokens, else "mean". */
  init?: NativeResizeOptions["init"];
  seed?: number;
}

export interface SaveOptions {
  /** Of the weights in the files. Default: the model's own. */
  dtype?: DType;
  /** Larger models are cut into shards of at most this. Default 5 GiB. */
  maxShardBytes?: number;
  /** Files copied beside the weights, e.g. tokenizer.model. */
  extraFiles?: readonly string[];
}

/** A parameter by its Hugging Face weight name; row-major. */
export type Parameter = NativeParameter;

let unwrap: (model: Model) => NativeModel;

export class Model implements Disposable, AsyncDisposable {
  readonly #native: NativeModel;

  private constructor(model: NativeModel) {
    this.#native = model;
  }

  static {
    unwrap = (model) => model.#native;
  }

  /**
   * Loads a Hugging Face folder of LLaMA, LLaMA-2, Yi or BLOOM(Z): config.json and safetensors in float32, bfloat16 or
   * float16. `adapter`: a PEFT LoRA folder to load onto it. Throws ERR_BELLE_NOT_FOUND, ERR_BELLE_INVALID_DATA, ERR_BELLE_UNSUPPORTED, ERR_BELLE_OUT_OF_MEMORY.
   */
  static async load(folder: string, options: LoadOptions & { adapter?: string } = {}): Promise<Model> {
    const { adapter, ...rest } = options;
    const device = deviceOptions(rest);
    const model = new Model(await nativeAsync(() => binding().loadModel(folder, device)));
    try {
      if (adapter !== undefined) await model.loadAdapter(adapter);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** A model with fresh weights. `config`: the content of a Hugging Face config.json, as text or object. */
  static async create(config: string | object, options: LoadOptions & { seed?: number } = {}): Promise<Model> {
    const { seed = 0, ...rest } = options;
    const device = deviceOptions(rest);
    const text = typeof config === "string" ? config : JSON.stringify(config);
    return new Model(await nativeAsync(() => binding().createModel(text, seed, device)));
  }

  /** Of the weights in memory. */
  get dtype(): DType {
    return native(() => this.#native.dtype);
  }
  /** "cpu" or "cuda": what "auto" chose. */
  get backend(): string {
    return native(() => this.#native.backend);
  }
  get vocabSize(): number {
    return native(() => this.#native.vocabSize);
  }
  get hiddenSize(): number {
    return native(() => this.#native.hiddenSize);
  }
  get numHiddenLayers(): number {
    return native(() => this.#native.numHiddenLayers);
  }
  /** 0 = unlimited (ALiBi). */
  get maxPositionEmbeddings(): number {
    return native(() => this.#native.maxPositionEmbeddings);
  }
  /** −1 when the config names none; so is padTokenId. */
  get bosTokenId(): number {
    return native(() => this.#native.bosTokenId);
  }
  get eosTokenIds(): number[] {
    return native(() => this.#native.eosTokenIds);
  }
  get padTokenId(): number {
    return native(() => this.#native.padTokenId);
  }
  /** Number of weights; a tied head counts once. */
  get parameterCount(): number {
    return native(() => this.#native.parameterCount);
  }

  parameters(): Parameter[] {
    return native(() => this.#native.parameters());
  }

  /** A copy of one parameter's weights; bfloat16 is widened, which loses nothing. */
  readParameter(name: string): Float32Array {
    return native(() => this.#native.readParameter(name));
  }

  /** Runs packed documents; see ForwardInput. */
  async forward(input: ForwardInput, options: ForwardOptions = {}): Promise<ForwardResult> {
    const supervised = input.labels !== undefined;
    const { logits = !supervised, gradients = false } = options;
    if (gradients && !supervised) wrong("gradients: true needs labels: gradients are those of the loss.");
    const raw = await nativeAsync(() => this.#native.forward(input, logits, gradients));
    const result: ForwardResult = {};
    if (supervised) {
      result.loss = raw.lossSum / raw.supervisedTokens;
      result.supervisedTokens = raw.supervisedTokens;
    }
    if (raw.logits !== undefined) result.logits = raw.logits;
    if (raw.gradients !== undefined) result.gradients = raw.gradients;
    return result;
  }

  /**
   * The new tokens of each prompt, without the stop token. A prompt's answer does not depend on the other prompts.
   * Throws ERR_BELLE_ABORTED when `signal` fires.
   */
  async generate(prompts: readonly Uint32Array[], options: GenerateOptions = {}): Promise<Uint32Array[]> {
    const { signal, onToken } = options;
    if (onToken !== undefined && typeof onToken !== "function") wrong("onToken must be a function.");
    const request = generateRequest(options, () => this.eosTokenIds);
    return withSignal(signal, "Generation", (stop) =>
      this.#native.generate(prompts as Uint32Array[], request, stop, onToken),
    );
  }

  /** Of each sequence, the sum of its tokens' log-probabilities given its first token. */
  async logLikelihood(sequences: readonly Uint32Array[]): Promise<Float64Array> {
    return nativeAsync(() => this.#native.logLikelihood(sequences as Uint32Array[]));
  }

  /** Adds rows to the input and output embeddings; old rows keep their bits. Trainers made before must be made again. */
  async resizeVocabulary(options: ResizeOptions): Promise<void> {
    const { rows, subTokens, init = subTokens === undefined ? "mean" : "subtoken-mean", seed = 0 } = options;
    const lists = (subTokens ?? []).map((ids) => (ids instanceof Uint32Array ? ids : Uint32Array.from(ids)));
    await nativeAsync(() => this.#native.resizeVocabulary({ rows, subTokens: lists, init, seed }));
  }

  /** The LoRA adapter that every call applies; undefined: none. */
  get adapter(): Adapter | undefined {
    return native(() => this.#native.adapter);
  }

  /**
   * Adds a fresh LoRA adapter; it changes nothing until it is trained (`trainable: lora`). A model has one at a time.
   * Trainers made before must be made again, here and below.
   */
  async addLora(options: LoraOptions = {}): Promise<void> {
    const request = loraOptions(options);
    await nativeAsync(() => this.#native.addLora(request));
  }

  /**
   * Loads a LoRA adapter that PEFT or saveAdapter wrote, checked against the model. Throws ERR_BELLE_UNSUPPORTED, naming
   * the key, for an adapter that asks for what is not computed here (DoRA, rsLoRA, biases, ...).
   */
  async loadAdapter(folder: string): Promise<void> {
    await nativeAsync(() => this.#native.loadAdapter(folder));
  }

  /** Writes a folder that PEFT loads: the adapter without the model. It appears whole or not at all. */
  async saveAdapter(folder: string, options: Omit<SaveOptions, "maxShardBytes"> = {}): Promise<void> {
    const { dtype = this.dtype, extraFiles = [] } = options;
    await nativeAsync(() => this.#native.saveAdapter(folder, { dtype, extraFiles: [...extraFiles] }));
  }

  /** Adds the adapter to the weights, in float32, rounded once; then there is none. */
  async mergeAdapter(): Promise<void> {
    await nativeAsync(() => this.#native.mergeAdapter());
  }

  /**
   * Writes a Hugging Face folder that transformers loads. It appears whole or not at all. A model with an adapter is
   * refused: saveAdapter writes that, mergeAdapter makes it part of the weights.
   */
  async save(folder: string, options: SaveOptions = {}): Promise<void> {
    const { dtype = this.dtype, maxShardBytes = 5 * 2 ** 30, extraFiles = [] } = options;
    await nativeAsync(() => this.#native.save(folder, { dtype, maxShardBytes, extraFiles: [...extraFiles] }));
  }

  /** Frees the weights, at once or when the call that runs them ends. Harmless when repeated. */
  dispose(): void {
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

/** The addon's object behind a Model, for the rooms above. */
export function nativeModel(model: Model): NativeModel {
  return unwrap(model);
}

function wrong(message: string): never {
  throw new BelleError("ERR_BELLE_INVALID_ARGUMENT", message);
}
