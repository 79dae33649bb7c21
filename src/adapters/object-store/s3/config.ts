import { z } from "zod";

const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export const S3StoreConfig = z
  .strictObject({
    bucket: z.string().min(1).describe("Name of the bucket; it must exist"),
    region: z
      .string()
      .min(1)
      .optional()
      .describe("Region of the bucket; needed for AWS, us-east-1 where an endpoint is given"),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Address of a store other than AWS, as https://host:9000"),
    prefix: z
      .string()
      .regex(
        /^(?!.*(^|\/)\.{1,2}(\/|$))(?!.*\/\/)[^\p{Cc}]{0,120}$/u,
        "must be a path without empty segments, `.` and `..`",
      )
      .optional()
      .describe("Beginning of every key, so that one bucket can hold several storages"),
    access_key: z
      .string()
      .min(1)
      .optional()
      .describe("Access key id; without it AWS's own chain is asked (environment, profile, role)"),
    secret_key: z.string().min(1).optional().describe("Secret access key").meta({ secret: true }),
    session_token: z.string().min(1).optional().describe("Token of temporary credentials").meta({ secret: true }),
    force_path_style: z
      .boolean()
      .optional()
      .describe("Bucket in the path instead of the host name; the default is true when an endpoint is given"),
    storage_class: z
      .string()
      .regex(/^[A-Z0-9_]+$/)
      .optional()
      .describe("Storage class of new objects, as STANDARD_IA"),
    sse: z.enum(["AES256", "aws:kms"]).optional().describe("Encryption by the store itself"),
    sse_kms_key_id: z
      .string()
      .min(1)
      .optional()
      .describe("Key for `aws:kms`, else not used; without it the store's default key"),
    tags: z
      .record(z.string().min(1).max(128).regex(tagText), z.string().max(256).regex(tagText))
      .refine(
        (tags) => Object.keys(tags).length <= 7,
        "at most 7 tags: an object has 10, and project, type and time are ours",
      )
      .optional()
      .describe("Tags of every object, beside project, type and time"),
  })
  .refine((config) => (config.access_key === undefined) === (config.secret_key === undefined), {
    path: ["secret_key"],
    message: "access_key and secret_key belong together",
  })
  .refine((config) => config.session_token === undefined || config.access_key !== undefined, {
    path: ["session_token"],
    message: "session_token needs access_key and secret_key",
  })
  .refine((config) => config.region !== undefined || config.endpoint !== undefined, {
    path: ["region"],
    message: "region is needed for a bucket of AWS",
  });
export type S3StoreConfig = z.infer<typeof S3StoreConfig>;
