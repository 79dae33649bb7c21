// Large blocks that came from a thread or a decoder belong to whoever reads them last. The runtime frees such memory late,
// and a full collection costs as much as a megabyte of compression, so that it is given back by hand instead.

/** By their memory, the length of the one view that owns it: a part of that view owns nothing. */
const owned = new WeakMap<ArrayBufferLike, number>();

/** `block` begins at the start of its buffer, and nobody else holds it. */
export function ownBlock<Block extends Uint8Array>(block: Block): Block {
  if (block.byteOffset === 0) owned.set(block.buffer, block.length);
  return block;
}

export function isOwned(block: Uint8Array): boolean {
  return block.byteOffset === 0 && owned.get(block.buffer) === block.length;
}

/** The block's memory is gone after this; without effect on memory that is not ours to free. */
export function freeBlock(block: Uint8Array): void {
  if (isOwned(block)) (block.buffer as ArrayBuffer).transfer(0);
}

/** The block's bytes in memory that can be handed to a thread: its own where it is owned, else a copy. */
export function takeBuffer(block: Uint8Array): ArrayBuffer {
  if (!isOwned(block)) return new Uint8Array(block).buffer;
  owned.delete(block.buffer);
  return block.buffer as ArrayBuffer;
}
