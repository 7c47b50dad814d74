export { LEAF_BYTES, leafCountOf, type LeafProof, pathBytesOf, proveLeaf, verifyLeaf } from './leaf-proof.ts';
export { groupCountOf, HASH_BYTES, merkleLevels, merkleRoot } from './merkle-tree.ts';
