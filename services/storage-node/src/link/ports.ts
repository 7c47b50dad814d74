/** What the node's side of the link asks of the world around it. */
import type { FromNode, HoldfastError, ToNode } from '@holdfast/protocol';

/** What a line tells while it stands. Nothing is told after `ended`. */
export interface LineHandlers {
  onMessage(message: ToNode): void;
}

/** One connection to the mediator. */
export interface Line {
  /** Resolves when the system took it. @throws HoldfastError `link.closed` */
  say(message: FromNode): Promise<void>;
  /** A proof frame. @throws HoldfastError `link.closed` */
  show(frame: Uint8Array): Promise<void>;
  close(): void;
  /** Resolves when it is gone, to why; never rejects. */
  readonly ended: Promise<HoldfastError>;
}

export interface LinePort {
  /** Connects with the node's certificate. @throws HoldfastError `remote.unreachable`, or why the mediator refused */
  connect(handlers: LineHandlers): Promise<Line>;
}
