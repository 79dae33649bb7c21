// The newest run of every project, found by one step through an index for each project instead of one for each run
// (a loose index scan, https://wiki.postgresql.org/wiki/Loose_indexscan, written as a recursive query).

import type { Kysely } from "kysely";
import type { RunKind } from "../../domain/run/run.ts";
import type { Tables } from "./schema.ts";

/** Whole rows of `runs`, in no order. A safety backup before a restore is no success that anybody waits for. */
export function selectNewestRuns(db: Kysely<Tables>, kind: RunKind, which: "all" | "successes") {
  return db
    .withRecursive("seen(project)", (q) =>
      q
        .selectFrom("runs")
        .select(({ fn }) => fn.min<string | null>("project").as("project"))
        .where("kind", "=", kind)
        .unionAll((union) =>
          union
            .selectFrom("seen")
            .select((eb) =>
              eb
                .selectFrom("runs")
                .select(({ fn }) => fn.min("runs.project").as("next"))
                .where("kind", "=", kind)
                .whereRef("runs.project", ">", "seen.project")
                .as("project"),
            )
            .where("seen.project", "is not", null),
        ),
    )
    .selectFrom("seen")
    .innerJoin("runs", (join) =>
      join.on("runs.id", "=", (eb) =>
        eb
          .selectFrom("runs as newest")
          .select("newest.id")
          .where("newest.kind", "=", kind)
          .whereRef("newest.project", "=", "seen.project")
          .$if(which === "successes", (q) =>
            q.where("newest.status", "=", "succeeded").where("newest.triggered_by", "<>", "safety"),
          )
          .orderBy("newest.created_at", "desc")
          .orderBy("newest.id", "desc")
          .limit(1),
      ),
    )
    .selectAll("runs");
}
