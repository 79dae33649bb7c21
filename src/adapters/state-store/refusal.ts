// The store is well, but cannot take this: trying again later, or keeping it for later, is no use.

import { AppError } from "../../domain/error.ts";

export function refusal(message: string, details: Readonly<Record<string, unknown>> = {}): AppError {
  return new AppError("state_failed", message, { details: { ...details, refused: true } });
}

export function isRefusal(error: unknown): boolean {
  return error instanceof AppError && (error.code !== "state_failed" || error.details["refused"] === true);
}
