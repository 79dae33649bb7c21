// What the server can be told to do wrong.

export type S3Operation =
  | "AbortMultipartUpload"
  | "CompleteMultipartUpload"
  | "CreateMultipartUpload"
  | "DeleteObject"
  | "GetObject"
  | "GetObjectTagging"
  | "HeadBucket"
  | "HeadObject"
  | "ListMultipartUploads"
  | "ListObjectsV2"
  | "ListParts"
  | "PutObject"
  | "UploadPart";

export type S3Misdeed =
  /** An S3 error; the request has no effect. */
  | { readonly do: "error"; readonly status: number; readonly code: string }
  /** The connection is cut when so many bytes of the request's body were read. */
  | { readonly do: "reset"; readonly afterBytes?: number }
  /** Nothing happens for so long, then the connection is cut. */
  | { readonly do: "stall"; readonly ms: number }
  /** Carried out, but answered with an error or not at all. */
  | { readonly do: "done-but-error"; readonly status: number }
  | { readonly do: "done-but-reset" }
  /** Not carried out; the status says 200, the body says error. */
  | { readonly do: "error-in-200"; readonly code: string }
  /** A response whose body breaks off, with the right length in its header. */
  | { readonly do: "cut"; readonly afterBytes: number }
  /** A well-formed response with so many bytes less than the object has. */
  | { readonly do: "short"; readonly bytes: number }
  /** The length of the object is told wrong by so many bytes. */
  | { readonly do: "lie-size"; readonly bytes: number }
  | { readonly do: "ignore-range" }
  /** Another range of the same length, honestly named. */
  | { readonly do: "wrong-range" }
  /** Answered as if stored, but nothing is kept. */
  | { readonly do: "lose" }
  /** One byte of what is stored, or sent, is flipped. */
  | { readonly do: "flip" };

export type S3Fault = S3Misdeed & {
  readonly on: S3Operation | "any";
  /** Let so many matching requests pass first. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
  /** Only keys that contain this. */
  readonly key?: string;
};

export interface FaultQueue {
  set(faults: readonly S3Fault[]): void;
  /** The misdeed for this request, counted as used. */
  take(operation: S3Operation, key: string): S3Misdeed | undefined;
}

export function openFaultQueue(): FaultQueue {
  let queue: { fault: S3Fault; skip: number; times: number }[] = [];
  return {
    set(faults) {
      queue = faults.map((fault) => ({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 }));
    },
    take(operation, key) {
      for (const entry of queue) {
        if (entry.times <= 0 || (entry.fault.on !== "any" && entry.fault.on !== operation)) continue;
        if (entry.fault.key !== undefined && !key.includes(entry.fault.key)) continue;
        if (entry.skip > 0) {
          entry.skip -= 1;
          continue;
        }
        entry.times -= 1;
        return entry.fault;
      }
      return undefined;
    },
  };
}
