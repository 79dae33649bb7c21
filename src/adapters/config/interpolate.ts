// `${VAR}` in a text of the file. `$${` stands for `${`; what a variable holds is not looked at again.

export interface Interpolated {
  readonly text: string;
  /** Names of the variables that were used. */
  readonly variables: readonly string[];
  readonly faults: readonly { readonly message: string; readonly hint: string }[];
}

const mark = /\$\$\{|\$\{([^}]*)(\}?)/g;

export function interpolate(template: string, find: (name: string) => string | undefined): Interpolated {
  const variables: string[] = [];
  const faults: { message: string; hint: string }[] = [];
  const text = template.replace(mark, (whole, name: string | undefined, close: string) => {
    if (name === undefined) return "${";
    if (close === "" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      faults.push({
        message: "a ${ is not followed by a variable name and }",
        hint: "write ${NAME}, or $${ for a literal ${",
      });
      return whole;
    }
    const value = find(name);
    if (value === undefined) {
      faults.push({ message: `the variable ${name} is not set`, hint: `set ${name} in the environment or in .env` });
      return whole;
    }
    variables.push(name);
    return value;
  });
  return { text, variables, faults };
}
