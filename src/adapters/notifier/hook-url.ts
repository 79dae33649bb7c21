// The address of a hook in settings.

import { z } from "zod";

export function hookUrl(description: string): z.ZodURL {
  return z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .meta({ secret: true })
    .describe(description);
}

/** Whoever reads a message wants its beginning; receivers refuse what is too long. */
export function shorten(text: string, longest: number): string {
  const characters = [...text];
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join("")}…`;
}
