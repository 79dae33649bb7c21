// `npm run bench`: product and plain pipelines in turn, on data of its own, with medians and ratios. Options:
// --only postgres,storages,mariadb,files,restic,start,daemon --gb N --big-gb N --small-files N --big-file-gb N --rounds N
// --write (puts the table into docs/benchmarks.md). BENCH_DIR says where the data goes (some 25 GB for the full run).

import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchDaemon } from "./bench/daemon.ts";
import { benchFiles } from "./bench/files.ts";
import { benchMariadb } from "./bench/mariadb.ts";
import { benchPostgres } from "./bench/postgres.ts";
import { renderReport } from "./bench/report.ts";
import { benchRestic } from "./bench/restic.ts";
import { benchStart } from "./bench/start.ts";
import { benchStorages } from "./bench/storages.ts";
import { openWorld } from "./bench/world.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "start,daemon,postgres,storages,mariadb,files,restic" },
    gb: { type: "string", default: "1" },
    "big-gb": { type: "string", default: "8" },
    "small-files": { type: "string", default: "100000" },
    "big-file-gb": { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});
const wanted = new Set(values.only.split(","));
const rounds = Number(values.rounds);
const gigabytes = Number(values.gb);
{
  await using world = await openWorld();
  if (wanted.has("start")) await benchStart(world, rounds);
  if (wanted.has("daemon")) await benchDaemon(world);
  if (wanted.has("postgres")) await benchPostgres(world, { gigabytes, bigGigabytes: Number(values["big-gb"]), rounds });
  if (wanted.has("storages")) await benchStorages(world, gigabytes, rounds);
  if (wanted.has("mariadb")) await benchMariadb(world, gigabytes, rounds);
  if (wanted.has("files"))
    await benchFiles(world, Number(values["small-files"]), Number(values["big-file-gb"]), rounds);
  // Last: a child begins with the resident memory of this process, which this part lets grow.
  if (wanted.has("restic")) await benchRestic(world, gigabytes, rounds);
}
const flags = process.argv.slice(2).filter((flag) => flag !== "--write");
const report = renderReport(["npm run bench", ...(flags.length > 0 ? ["--", ...flags] : [])].join(" "));
process.stdout.write(`${report}\n`);
if (values.write) {
  const path = join(import.meta.dir, "../docs/benchmarks.md");
  const text = await Bun.file(path).text();
  const [before, after] = [text.split("<!-- begin table -->")[0]!, text.split("<!-- end table -->")[1]!];
  await Bun.write(path, `${before}<!-- begin table -->\n\n${report}\n\n<!-- end table -->${after}`);
}
