// Reads settings from variables: the first of several names that is set and not empty, checked and converted.

import type { Environment } from "./environment.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./key-path.ts";
import { suggestName } from "./problem-list.ts";

export interface Variable {
  readonly name: string;
  readonly value: string;
}

export interface VariableReader {
  text(...names: readonly string[]): string | undefined;
  find(...names: readonly string[]): Variable | undefined;
  number(name: string, rule: NumberRule): number;
  optionalNumber(name: string, rule: Omit<NumberRule, "fallback">): number | undefined;
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T, aliases?: Readonly<Record<string, T>>): T;
  error(name: string, message: string, hint?: string): void;
  warning(name: string, message: string, hint?: string): void;
}

export interface NumberRule {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  /** Fractions are allowed. */
  readonly fraction?: boolean;
}

export function createVariableReader(environment: Environment, problems: ProblemList): VariableReader {
  const where = (name: string) => ({ ...environment.place(name), path: name });
  const find = (...names: readonly string[]): Variable | undefined => {
    for (const name of names) {
      const value = environment.findText(name);
      if (value !== undefined) return { name, value };
    }
    return undefined;
  };
  const optionalNumber = (name: string, rule: Omit<NumberRule, "fallback">): number | undefined => {
    const found = find(name);
    if (found === undefined) return undefined;
    const number = /^-?\d+(\.\d+)?$/.test(found.value) ? Number(found.value) : Number.NaN;
    const fits = number >= rule.min && number <= rule.max && (rule.fraction === true || Number.isInteger(number));
    if (fits) return number;
    const kind = rule.fraction === true ? "number" : "whole number";
    problems.error(where(name), `${name} must be a ${kind} from ${rule.min} to ${rule.max}, not ${quote(found.value)}`);
    return undefined;
  };
  return {
    find,
    text: (...names) => find(...names)?.value,
    optionalNumber,
    number: (name, rule) => optionalNumber(name, rule) ?? rule.fallback,
    oneOf(name, allowed, fallback, aliases = {}) {
      const found = find(name);
      if (found === undefined) return fallback;
      const value = found.value.toLowerCase();
      const match =
        allowed.find((one) => one === value) ?? (Object.hasOwn(aliases, value) ? aliases[value] : undefined);
      if (match !== undefined) return match;
      problems.error(
        where(name),
        `${name} must be one of ${allowed.join(", ")}, not ${quote(found.value)}`,
        suggestName(value, allowed),
      );
      return fallback;
    },
    error: (name, message, hint) => problems.error(where(name), message, hint),
    warning: (name, message, hint) => problems.warning(where(name), message, hint),
  };
}
