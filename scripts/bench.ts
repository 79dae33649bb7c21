// `npm run bench`: product and plain pipelines in turn, on data of its own. Options: --only postgres,mariadb,files,start
// --gb N --big-gb N --rounds N --write (puts the table into docs/benchmarks.md).

import { parseArgs } from "node:util";
import { benchPostgres } from "./bench/postgres.ts";
import { renderReport } from "./bench/report.ts";
import { openWorld } from "./bench/world.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "postgres" },
    gb: { type: "string", default: "1" },
    "big-gb": { type: "string", default: "8" },
    rounds: { type: "string", default: "3" },
  },
});
const only = new Set(values.only.split(","));
const rounds = Number(values.rounds);
{
  await using world = await openWorld();
  if (only.has("postgres")) {
    await benchPostgres(world, { gigabytes: Number(values.gb), bigGigabytes: Number(values["big-gb"]), rounds });
  }
}
process.stdout.write(`${renderReport(`npm run bench -- ${process.argv.slice(2).join(" ")}`.trim())}\n`);
