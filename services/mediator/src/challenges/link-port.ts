/** What the connection to the nodes needs of challenges: hand them out, take answers and reports of losses. */

export interface OpenChallengeToken {
  readonly challengeId: string;
  /** Of a `challenge`, at most 512 KiB. */
  readonly token: string;
}

export interface AcceptedAnswer {
  readonly challengeId: string;
  /** SHA-256 of the frame. */
  readonly proofHash: string;
}

export interface VerdictToken {
  readonly challengeId: string;
  /** Of a `verdict`. */
  readonly token: string;
}

export interface ChallengesOfNodes {
  /** Those that the node can still answer and has not. Send them at every `hello` and whenever the node is notified. */
  openChallengesOf(nodeId: string): Promise<OpenChallengeToken[]>;
  /**
   * Takes a proof frame. Bound it by MAX_PROOF_FRAME_BYTES before; here it is bound by its challenge. The same frame again
   * is accepted again.
   * @throws HoldfastError `challenge.unknown`, `challenge.closed`, `proof.*`, `challenge.unfair`, `message.*`: it is no answer
   */
  answer(nodeId: string, frame: Uint8Array): Promise<AcceptedAnswer>;
  /**
   * Takes a signed `loss-report`. Resolves to how many shards it newly marked lost.
   * @throws HoldfastError `message.*`, `challenge.not-for-us` for a report of another node
   */
  reportLosses(nodeId: string, token: string): Promise<number>;
  /** Verdicts on the node newer than that moment, oldest first: for a node that wants to know what it was told. */
  verdictsOf(
    nodeId: string,
    page: { afterMs: number; limit: number },
  ): Promise<(VerdictToken & { judgedAtMs: number })[]>;
  /** Says that this process can be reached by nodes: call it every few seconds while the server is up (see noteAlive). */
  noteLinkAlive(): Promise<void>;
}
