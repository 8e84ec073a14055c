// What `belle-train doctor` looks at. Each check stands alone: one that fails does not hide the others.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, release, totalmem } from "node:os";
import { promisify } from "node:util";
import type { Language, Text } from "../config/language.ts";
import type { NativeBackend, NativePlace } from "../native/binding.ts";
import { BelleError } from "../native/errors.ts";
import { binding, bindingPath } from "../native/load.ts";
import { cudaHint } from "./doctor_cuda.ts";
import { packageRoot } from "./version.ts";

export interface Check {
  id: string;
  name: string;
  ok: boolean;
  /** Not there, and not needed. */
  absent?: true;
  value: string;
  /** How to mend it; also what to do for one that is absent. */
  hint?: string;
  /** Where its file was looked for, in order. */
  places?: NativePlace[];
}

type Add = (id: string, name: Text, ok: boolean, value: string, hint?: Text, backend?: Partial<Check>) => void;

const minimumNode = [20, 19, 0];
const minimumDisk = 1e9;

function atLeast(version: string, minimum: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  for (const [i, wanted] of minimum.entries()) {
    const part = parts[i] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

async function npmVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("npm", ["--version"], { timeout: 20_000 });
    return stdout.trim().split("\n").at(-1);
  } catch {
    return undefined;
  }
}

function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime;
}

function cpuFlags(): string[] {
  try {
    const line = readFileSync("/proc/cpuinfo", "utf8")
      .split("\n")
      .find((text) => /^(flags|Features)\s*:/.test(text));
    const wanted = ["avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_bf16", "asimd", "sve"];
    const present = new Set(line?.split(":")[1]?.trim().split(/\s+/) ?? []);
    return wanted.filter((flag) => present.has(flag));
  } catch {
    return [];
  }
}

/** Looks at everything; never throws. */
export async function examine(language: Language): Promise<Check[]> {
  const t = (text: Text) => text[language];
  const checks: Check[] = [];
  const add: Add = (id, name, ok, value, hint, more = {}) =>
    checks.push({
      id,
      name: t(name),
      ok,
      value,
      ...more,
      ...((ok && !more.absent) || hint === undefined ? {} : { hint: t(hint) }),
    });

  add("node", { en: "Node", zh: "Node" }, atLeast(process.versions.node, minimumNode), process.versions.node, {
    en: `install Node ${minimumNode.join(".")} or later`,
    zh: `请安装 Node ${minimumNode.join(".")} 或更高版本`,
  });
  // Nothing at run time needs npm: its absence is no trouble.
  add("npm", { en: "npm", zh: "npm" }, true, (await npmVersion()) ?? t({ en: "not found", zh: "未找到" }));
  const glibc = glibcVersion();
  const system = `${process.platform}-${process.arch} ${release()}, ${glibc === undefined ? "no glibc" : `glibc ${glibc}`}`;
  add("system", { en: "system", zh: "系统" }, process.platform === "linux", system, {
    en: "Linux is the supported system",
    zh: "目前支持 Linux 系统",
  });
  const model = cpus()[0]?.model ?? "";
  add("cpu", { en: "CPU", zh: "CPU" }, true, `${availableParallelism()} × ${model.trim()} (${cpuFlags().join(" ")})`);
  add("memory", { en: "memory", zh: "内存" }, true, `${gigabytes(freemem())} / ${gigabytes(totalmem())}`);
  addNative(add, t);
  return checks;
}

function addNative(add: Add, t: (text: Text) => string): void {
  const addonName: Text = { en: "native addon", zh: "原生扩展" };
  try {
    const native = binding();
    add("addon", addonName, true, `${bindingPath()} (${native.version}, ABI ${native.backendAbi}, ${native.compiler})`);
    const { isa, threads } = native.cpu();
    add(
      "kernels",
      { en: "CPU kernels", zh: "CPU 内核" },
      true,
      `${isa}, ${threads} ${t({ en: "threads", zh: "线程" })}`,
    );
    for (const backend of native.backends()) addBackend(add, t, backend);
    const free = native.freeSpace(process.cwd());
    add("disk", { en: "free disk here", zh: "当前目录可用磁盘" }, free >= minimumDisk, gigabytes(free), {
      en: "checkpoints need space: free some, or set train.output_dir elsewhere",
      zh: "检查点需要空间：请清理磁盘，或把 train.output_dir 设到别处",
    });
  } catch (error) {
    const message = error instanceof BelleError || error instanceof Error ? error.message : String(error);
    add("addon", addonName, false, message, {
      en: `build it: npx belle-train native build (package at ${packageRoot})`,
      zh: `请构建：npx belle-train native build（包位于 ${packageRoot}）`,
    });
  }
}

function addBackend(add: Add, t: (text: Text) => string, backend: NativeBackend): void {
  const wanted = process.env.BELLE_BACKEND;
  // A missing GPU is no trouble unless it was asked for.
  const needed = backend.name === "cpu" || wanted === backend.name;
  const value = backend.available
    ? t({ en: `usable: ${backend.description}`, zh: `可用：${backend.description}` })
    : backend.reason;
  add(
    `backend-${backend.name}`,
    { en: `backend ${backend.name}`, zh: `后端 ${backend.name}` },
    backend.available || !needed,
    value,
    hintFor(backend, wanted === backend.name),
    {
      ...(backend.available || needed ? {} : { absent: true }),
      ...(backend.places.length > 0 ? { places: backend.places } : {}),
    },
  );
}

function hintFor(backend: NativeBackend, wanted: boolean): Text {
  if (backend.name !== "cuda") return { en: "mend what the reason names", zh: "请按原因修复" };
  const { en, zh } = cudaHint(backend);
  if (!wanted) return { en, zh };
  return {
    en: `${en}; or unset BELLE_BACKEND to compute on the CPU`,
    zh: `${zh}；或取消设置 BELLE_BACKEND 以使用 CPU`,
  };
}
