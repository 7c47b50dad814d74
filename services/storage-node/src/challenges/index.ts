/** Challenges: the node's answers to them. */
export { type Challenges, createChallenges, type ShowProof } from './answer-challenges.ts';
