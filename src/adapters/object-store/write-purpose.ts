/**
 * How a finished file gets its name on a storage made of files. `part`: the name is its own. `create`: refuses to replace a file,
 * atomically where there are hard links. `replace`: takes the place of an older file.
 */
export type WritePurpose = "part" | "create" | "replace";
