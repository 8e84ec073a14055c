// What doctor says of the CUDA backend: where its library was looked for, and what to run next.
import type { Language, Text } from "../config/language.ts";
import type { NativeBackend, NativePlace } from "../native/binding.ts";
import { cudaPackage } from "../native/cuda_package.ts";
import { packageVersion } from "./version.ts";

const kinds: Record<NativePlace["kind"], Text> = {
  BELLE_CUDA_LIB: { en: "BELLE_CUDA_LIB", zh: "BELLE_CUDA_LIB" },
  package: { en: "npm package", zh: "npm 包" },
  addon: { en: "beside the addon", zh: "扩展旁边" },
  loader: { en: "loader's path", zh: "加载器路径" },
  toolkit: { en: "CUDA toolkit", zh: "CUDA 工具包" },
  python: { en: "Python", zh: "Python" },
};

/** A row of the table: the place, and the file there with the reason why it is not used. */
export function placeRow({ kind, path, state, reason }: NativePlace, language: Language): [string, string] {
  const name = `    ${kinds[kind][language]}`;
  if (state === "used") return [name, { en: `${path} (in use)`, zh: `${path}（使用中）` }[language]];
  return [name, path === "" || reason.includes(path) ? reason : `${path}: ${reason}`];
}

/** The next command for a backend that is not usable. */
export function cudaHint({ places }: NativeBackend): Text {
  const last = places.at(-1);
  if (last?.state === "failed")
    return {
      en: "run nvidia-smi: it shows the driver and the devices",
      zh: "请运行 nvidia-smi：它会列出驱动和设备",
    };
  if (last?.kind === "BELLE_CUDA_LIB")
    return {
      en: "unset BELLE_CUDA_LIB, or set it to the libbelle_cuda.so of this release",
      zh: "请取消设置 BELLE_CUDA_LIB，或把它设为此版本的 libbelle_cuda.so",
    };
  const install = `npm install ./${cudaPackage}-${packageVersion()}.tgz`;
  if (places.some((place) => place.state === "refused"))
    return { en: `replace it by the one of this release: ${install}`, zh: `请换成此版本的库：${install}` };
  return {
    en: `for an NVIDIA GPU: ${install} (scripts/package-cuda.mjs of the repository makes that file)`,
    zh: `如有 NVIDIA GPU：${install}（该文件由仓库中的 scripts/package-cuda.mjs 生成）`,
  };
}
