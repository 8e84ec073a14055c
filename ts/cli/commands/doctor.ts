// belle-train doctor
import { defineCommand } from "../command.ts";
import { examine } from "../doctor.ts";
import { placeRow } from "../doctor_cuda.ts";
import { exitCodes } from "../failure.ts";
import { describe } from "../ui/table.ts";

export const command = defineCommand({
  async run(_args, context) {
    const checks = await examine(context.language);
    const healthy = checks.every((check) => check.ok);
    context.result({ healthy, checks }, () => {
      const rows = checks.flatMap(
        (check): Array<[string, string]> => [
          [`${check.absent ? "–" : check.ok ? "✓" : "✗"} ${check.name}`, check.value],
          ...(check.places ?? []).map((place) => placeRow(place, context.language)),
        ],
      );
      const hints = checks
        .filter((check) => check.hint !== undefined)
        .map((check) => `→ ${check.name}: ${check.hint}\n`);
      return describe(rows) + (hints.length > 0 ? `\n${hints.join("")}` : "");
    });
    return healthy ? exitCodes.done : exitCodes.environment;
  },
});
