// May this libbelle_cuda.so be packaged? Read from the file alone: no CUDA, no GPU, nothing of it is run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constantAt, Refusal, readElf } from "./elf.mjs";
import { readFatbin } from "./fatbin.mjs";

export const maximumBytes = 25e6;
/** Of the main package, too (test/pack). */
export const glibcFloor = 35;
const wantedTargets = ["sm_80", "sm_90a"];
const allowedLibraries =
  /^(libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|ld-linux-x86-64\.so\.2|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1)$/;
const wantedSymbols = ["belle_backend_open", "belle_backend_close", "belle_backend_abi"];

/** The ABI version of this source tree's addon. */
export function abiVersion(root) {
  const header = readFileSync(join(root, "native/include/belle/backend.h"), "utf8");
  return Number(/^#define BELLE_BACKEND_ABI_VERSION (\d+)u$/m.exec(header)[1]);
}

/** Names that the link map lets out, as patterns. */
function intendedExports(root) {
  const map = readFileSync(join(root, "cmake/cuda_exports.map"), "utf8");
  const names = /global:([^:]*)local:/
    .exec(map)[1]
    .split(";")
    .map((name) => name.trim());
  return names.filter((name) => name !== "").map((name) => new RegExp(`^${name.replaceAll("*", "\\w*")}$`));
}

function checkSymbols(elf, root) {
  const found = [];
  const missing = wantedSymbols.filter((name) => !elf.symbols.has(name));
  if (missing.length > 0)
    found.push(`does not export ${missing.join(", ")}: build it from cuda/ of this release (docs/cuda.md)`);
  const intended = intendedExports(root);
  const strays = [...elf.symbols.keys()].filter((name) => !intended.some((pattern) => pattern.test(name)));
  if (strays.length > 0) {
    const more = strays.length > 3 ? ` and ${strays.length - 3} more` : "";
    found.push(`exports ${strays.slice(0, 3).join(", ")}${more}: link it with cmake/cuda_exports.map`);
  }
  return found;
}

function checkAbi(elf, wanted) {
  const address = elf.symbols.get("belle_backend_abi");
  if (address === undefined) return [];
  const version = constantAt(elf, address);
  if (version === wanted) return [];
  return [`has backend ABI ${version ?? "unknown"}, the addon has ${wanted}: build both from the same release`];
}

function checkLibraries(elf) {
  const found = [];
  const foreign = elf.needed.filter((name) => !allowedLibraries.test(name));
  if (foreign.length > 0)
    found.push(`needs ${foreign.join(", ")}, which a user may lack: link it statically, or load it at run time`);
  const floors = elf.versions.map((name) => Number(/^GLIBC_2\.(\d+)/.exec(name)?.[1] ?? 0));
  const floor = Math.max(0, ...floors);
  if (floor > glibcFloor)
    found.push(`needs glibc 2.${floor}, the main package 2.${glibcFloor} at most: build it on an older system`);
  return found;
}

function checkCode(elf) {
  const containers = readFatbin(elf.sections.get(".nv_fatbin")?.data ?? Buffer.alloc(0));
  if (containers.length === 0)
    return { found: ["holds no GPU code (no .nv_fatbin): build it with -DBELLE_CUDA=ON"], targets: [] };
  const found = [];
  const lacking = (test) => containers.filter((targets) => !targets.some(test)).length;
  const say = (what, count) => {
    if (count > 0)
      found.push(
        `has no ${what} code in ${count} of its ${containers.length} parts: build it with the architectures of CMakeLists.txt`,
      );
  };
  for (const target of wantedTargets)
    say(
      target,
      lacking((name) => name === target),
    );
  say(
    "PTX",
    lacking((name) => name.startsWith("compute_")),
  );
  return { found, targets: [...new Set(containers.flat())].sort() };
}

/**
 * @param {Buffer} bytes the library
 * @param {string} root of this source tree
 * @returns {{ problems: string[], targets: string[] }} problems: sentences that continue "PATH …"; none: it may be packaged
 */
export function checkLibrary(bytes, root) {
  try {
    const elf = readElf(bytes);
    const code = checkCode(elf);
    const size = (bytes.length / 1e6).toFixed(1);
    return {
      problems: [
        ...(bytes.length < maximumBytes
          ? []
          : [`is ${size} MB, the limit is ${maximumBytes / 1e6} MB: build it as Release, without -G and -lineinfo`]),
        ...checkSymbols(elf, root),
        ...checkAbi(elf, abiVersion(root)),
        ...checkLibraries(elf),
        ...code.found,
      ],
      targets: code.targets,
    };
  } catch (error) {
    if (error instanceof Refusal) return { problems: [error.message], targets: [] };
    throw error;
  }
}
