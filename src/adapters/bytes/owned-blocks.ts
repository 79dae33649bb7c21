// Large blocks that came from a thread belong to whoever reads them last. The runtime frees such memory late, and a
// full collection costs as much as a megabyte of compression, so that it is given back by hand instead.

const owned = new WeakSet<ArrayBufferLike>();

/** `block` covers its whole buffer, and nobody else holds it. */
export function ownBlock<Block extends Uint8Array>(block: Block): Block {
  owned.add(block.buffer);
  return block;
}

export function isOwned(block: Uint8Array): boolean {
  return owned.has(block.buffer);
}

/** The block's memory is gone after this; without effect on memory that is not ours to free. */
export function freeBlock(block: Uint8Array): void {
  if (owned.delete(block.buffer)) (block.buffer as ArrayBuffer).transfer(0);
}
