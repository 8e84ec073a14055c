// belle-train native build
import { spawn } from "node:child_process";
import { join } from "node:path";
import { BelleError } from "../../native/errors.ts";
import { defineCommand } from "../command.ts";
import { packageRoot } from "../version.ts";

export const command = defineCommand({
  options: {
    debug: { type: "boolean", default: false, text: { en: "Build without optimisation", zh: "不优化的调试构建" } },
    define: {
      type: "strings",
      text: { en: "CMake variable: NAME=VALUE (repeatable)", zh: "CMake 变量：NAME=VALUE（可重复）" },
    },
  },
  async run(args, context) {
    const script = join(packageRoot, "scripts", "native-build.cjs");
    const flags = [...(args.debug ? ["--debug"] : []), ...(args.define ?? []).map((define) => `--CD${define}`)];
    const code = await new Promise<number>((resolve, reject) => {
      // The compiler's output belongs to stderr: stdout carries --json only.
      const child = spawn(process.execPath, [script, ...flags], { stdio: ["ignore", 2, 2], signal: context.signal });
      child.on("error", (cause) =>
        reject(
          context.signal.aborted
            ? new BelleError("ERR_BELLE_ABORTED", "The build was stopped.", { cause })
            : new BelleError("ERR_BELLE_ENVIRONMENT", `${script} cannot be started: ${cause.message}`, { cause }),
        ),
      );
      child.on("close", (status) => resolve(status ?? 1));
    });
    if (code !== 0) {
      throw new BelleError(
        code === 3 ? "ERR_BELLE_ENVIRONMENT" : "ERR_BELLE_INTERNAL",
        context.text({
          en: `The native build failed (exit code ${code}); the first error is above.`,
          zh: `原生扩展构建失败（退出码 ${code}）；首个错误见上文。`,
        }),
      );
    }
    context.summary(
      { built: true },
      {
        en: "The native addon is built. Check it with: belle-train doctor",
        zh: "原生扩展已构建。可运行 belle-train doctor 检查。",
      },
    );
  },
});
