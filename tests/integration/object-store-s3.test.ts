// The S3 store on our own server: the contract, on servers that can more and on servers that can less.

import { describeObjectStoreContract } from "../../src/ports/object-store.contract.ts";
import { openS3Rig, type S3Rig } from "../support/s3-store.ts";

const servers: Record<string, () => Promise<S3Rig>> = {
  "s3, a server that can everything": () => openS3Rig(),
  "s3, below a prefix, with pages of 100 and odd entity tags": () =>
    openS3Rig({ behaviour: { pageSize: 100, opaqueEtags: true }, settings: { prefix: "/some one's/prefix+%/" } }),
  "s3, an old server without conditions, tags and checksums": () =>
    openS3Rig({
      behaviour: { ignoresConditions: true, ignoresChecksums: true, refusesTags: true, exactUploadPrefix: true },
    }),
  "s3, a server that refuses checksum headers": () =>
    openS3Rig({ behaviour: { refusesChecksums: true, refusesTags: true } }),
};

for (const [name, open] of Object.entries(servers)) describeObjectStoreContract(name, open);
