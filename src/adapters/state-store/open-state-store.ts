// Opens the state store that a DATABASE_URL names; the engine and its libraries are loaded only then.

import { AppError } from "../../domain/error.ts";
import type { StateStore } from "../../ports/state-store.ts";

/** `sqlite:/path/state.db`, `sqlite:relative.db` or `postgres://user:password@host/name?sslmode=…`. Call `migrate` before use. */
export async function openStateStore(databaseUrl: string): Promise<StateStore> {
  const scheme = /^([a-z0-9+.-]+):/i.exec(databaseUrl)?.[1]?.toLowerCase();
  if (scheme === "sqlite" || scheme === "file") {
    const path = databaseUrl.slice(scheme.length + 1).replace(/^\/\/(?=\/)/, "");
    if (path === "") throw invalidUrl("it names no file");
    const { openSqliteEngine } = await import("./sqlite/index.ts");
    const { createSqlStateStore } = await import("./sql-state-store.ts");
    return createSqlStateStore(openSqliteEngine(path));
  }
  if (scheme === "postgres" || scheme === "postgresql") {
    const { openPostgresEngine } = await import("./postgres/index.ts");
    const { createSqlStateStore } = await import("./sql-state-store.ts");
    return createSqlStateStore(openPostgresEngine(databaseUrl));
  }
  throw invalidUrl(`its scheme is ${scheme === undefined ? "missing" : scheme}`);
}

/** The URL itself is not repeated: it may hold a password. */
function invalidUrl(why: string): AppError {
  return new AppError("state_failed", `could not open the state store of DATABASE_URL: ${why}`, {
    hint: "use sqlite:/path/state.db or postgres://user:password@host:5432/name",
  });
}
