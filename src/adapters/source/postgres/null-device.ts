// Where output goes that nobody reads.

export const nullDevice: string = process.platform === "win32" ? "NUL" : "/dev/null";
