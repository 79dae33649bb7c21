// What names of projects, storages, schedules and channels look like: they become parts of paths and object keys.

/** For patterns that hold a name; no group of its own. */
export const nameSource = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}";

export const namePattern = new RegExp(`^${nameSource}$`);
